"""Ctrl-C and SIGTERM: both unwind the command in the same way, each with its own exit code."""

from __future__ import annotations

import logging
import os
import signal
from types import FrameType

from pag.cli.exit_codes import INTERRUPTED, TERMINATED
from pag.cli.files import remove_unfinished

CODES = {signal.SIGINT: INTERRUPTED, signal.SIGTERM: TERMINATED}
_received: list[int] = []


def unwind_when_told() -> None:
    """From now on either signal raises KeyboardInterrupt; a second one ends the process at once."""
    for number in CODES:
        signal.signal(number, _on_signal)


def exit_code() -> int:
    """Of the signal that came."""
    return _received[0] if _received else INTERRUPTED


def _on_signal(number: int, _: FrameType | None) -> None:
    code = CODES[signal.Signals(number)]
    if _received:
        # Whatever unwinds takes too long, perhaps a camera that does not answer.
        remove_unfinished()
        os._exit(code)
    _received.append(code)
    # That the service's work is broken off is no news.
    logging.disable()
    raise KeyboardInterrupt
