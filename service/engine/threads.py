"""How many CPUs this process may use: by affinity and by the container's quota, not by the host."""

from __future__ import annotations

import os
from pathlib import Path

from service.settings import Settings

CGROUP = Path("/sys/fs/cgroup")
MOST_WORKERS = 4
GPU_BATCH = 8


def usable_cpus(cgroup: Path = CGROUP) -> int:
    """CPUs of the affinity mask, or fewer if the control group's quota allows less; at least 1."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _quota(cgroup)
    return cpus if quota is None else max(1, min(cpus, int(quota)))


def threads_of(settings: Settings) -> int:
    """Threads that all inferences together may use."""
    return settings.threads or usable_cpus()


def workers_of(settings: Settings) -> int:
    """Inferences at a time: never more than threads, so that each has one at least."""
    return min(settings.workers or MOST_WORKERS, threads_of(settings))


def codecs_of(settings: Settings) -> int:
    """Threads that decode and encode."""
    return settings.codec_threads or usable_cpus()


def batch_of(settings: Settings) -> int:
    """Images of one inference at most."""
    return settings.max_batch or (1 if settings.provider == "cpu" else GPU_BATCH)


def _quota(cgroup: Path) -> float | None:
    """CPUs granted per period by control groups of version 2 or 1; None if unlimited."""
    allowance = _words(cgroup / "cpu.max") or [
        *_words(cgroup / "cpu" / "cpu.cfs_quota_us"),
        *_words(cgroup / "cpu" / "cpu.cfs_period_us"),
    ]
    if len(allowance) != 2 or allowance[0] in {"max", "-1"}:
        return None
    return int(allowance[0]) / int(allowance[1])


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:
        return []
