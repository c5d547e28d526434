"""The command line `pag`."""

from __future__ import annotations

from pag.cli.app import main

__all__ = ["main"]
