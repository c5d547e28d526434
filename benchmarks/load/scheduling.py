"""Servers under load are scheduled as servers are."""

from __future__ import annotations

import os


def schedule_ordinarily() -> None:
    """Leave a real-time policy that this process was started under; its children inherit the ordinary one.

    Under a real-time policy of equal priorities a thread keeps its core until it waits, so a server's event
    loop would be starved by its own inference, and the generator by both.
    """
    if hasattr(os, "sched_setscheduler") and os.sched_getscheduler(0) != os.SCHED_OTHER:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
