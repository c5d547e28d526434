"""How a benchmark's own process behaves: scheduled as servers are, and never outlived by one."""

from __future__ import annotations

import os
import signal
import sys


def prepare() -> None:
    """Leave a real-time policy that this process was started under, and end with its servers when told to.

    Children inherit the ordinary policy. Under a real-time one of equal priorities a thread keeps its core
    until it waits, so a server's event loop would be starved by its own inference, and the generator by both.
    """
    if hasattr(os, "sched_setscheduler") and os.sched_getscheduler(0) != os.SCHED_OTHER:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
