"""What the machine is, and how busy it is with other work."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path

LOOK_SECONDS = 0.5
# Above this share of all CPUs, figures are those of two programs.
BUSY = 0.15


def described() -> str:
    """The processor and how many CPUs this process may use."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{_processor()}, {cpus} CPUs, {platform.system()}"


def busy_share() -> float | None:
    """Share of all CPU time that is used, while this process sleeps; None if unknown."""
    before = _times()
    time.sleep(LOOK_SECONDS)
    after = _times()
    if before is None or after is None or after[1] <= before[1]:
        return None
    return 1 - (after[0] - before[0]) / (after[1] - before[1])


def _times() -> tuple[int, int] | None:
    """Idle time and all time so far, of all CPUs."""
    try:
        fields = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    except (OSError, ValueError, IndexError):
        return None
    # Idle, and waiting for disks.
    return fields[3] + fields[4], sum(fields)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
