"""Gives memory of freed models back to the system."""

from __future__ import annotations

import ctypes
import os


def give_back() -> None:
    """Return free pages to the system, where the C library can: else it keeps those of many models.

    Takes a while and leaves the interpreter to others meanwhile.
    """
    # Of glibc alone; Windows has no library without a name.
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    if trim is not None:
        trim(0)
