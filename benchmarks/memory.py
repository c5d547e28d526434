"""Memory of a process, from Linux's /proc."""

from __future__ import annotations

from pathlib import Path

OWN = "self"
"""The process that asks."""

RESIDENT, PEAK = "VmRSS", "VmHWM"
"""Of the process alone; ru_maxrss would count the process that started it, too."""


def status(process_id: int | str, name: str) -> int:
    """A number of /proc/<process_id>/status; OWN stands for the caller's."""
    lines = Path(f"/proc/{process_id}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def mebibytes(process_id: int | str, name: str = RESIDENT) -> float:
    """RESIDENT or PEAK memory in MiB."""
    return round(status(process_id, name) / 1024, 1)
