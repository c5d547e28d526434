"""FixableError: an error that a user of the command line can fix."""

from __future__ import annotations


class FixableError(ValueError):
    """A checkpoint, file or option that will not do; the message says why and how to mend it.

    The command line prints the message alone, without a trace.
    """
