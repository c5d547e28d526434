"""The command line `pag`."""
