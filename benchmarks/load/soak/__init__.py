"""Everything that clients and operators do to a server, at once and for long."""
