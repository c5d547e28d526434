"""The resources of the service: CPUs by affinity and the container's quota, and the threads that follow."""

from __future__ import annotations

import os
import resource
from dataclasses import dataclass
from pathlib import Path

import structlog

from service.settings import Settings, environment_name

CGROUP = Path("/sys/fs/cgroup")
MOST_WORKERS = 4
GPU_BATCH = 8
# Models, logs and pools, beside the connections that requests come by.
OTHER_FILES = 128
# Of all memory, for bodies and answers: rendering holds the maps beside the answer made of them.
MEMORY_SHARE = 4

log = structlog.get_logger(__name__)


def usable_cpus(cgroup: Path = CGROUP) -> int:
    """CPUs of the affinity mask, or fewer if the control group's quota allows less; at least 1."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _quota(cgroup)
    return cpus if quota is None else max(1, min(cpus, int(quota)))


@dataclass(frozen=True)
class Resources:
    """Threads and batch size of the service, resolved once at the start.

    Attributes:
        threads: of all inferences together.
        workers: inferences at a time, at most `threads`, so that each has one at least.
        shared_threads: of one inference beside others.
        codec_threads: threads that decode and encode.
        batch: images of one inference at most.
        memory_bytes: of bodies and answers held at a time.
    """

    threads: int
    workers: int
    shared_threads: int
    codec_threads: int
    batch: int
    memory_bytes: int


def most_connections(settings: Settings) -> int:
    """Connections open at a time: those of the settings, or fewer where the limit on open files is lower."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return settings.max_connections
    return max(1, min(settings.max_connections, soft - OTHER_FILES))


def memory_limit(cgroup: Path = CGROUP) -> int:
    """Bytes that this process may use: the control group's limit, or what the machine has."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        if (words := _words(cgroup / name)) and words[0] != "max":
            return min(machine, int(words[0]))
    return machine


def resolve_resources(settings: Settings) -> Resources:
    """The settings' numbers, and what this machine grants where they are 0."""
    cpus = usable_cpus()
    # More threads than CPUs would only take turns.
    threads = min(settings.threads or cpus, cpus)
    workers = min(settings.workers or MOST_WORKERS, threads)
    batch = settings.max_batch or (1 if settings.provider == "cpu" else GPU_BATCH)
    codec_threads = min(settings.codec_threads or cpus, cpus)
    memory_bytes = settings.memory_bytes or memory_limit() // MEMORY_SHARE
    return Resources(threads, workers, max(1, threads // workers), codec_threads, batch, memory_bytes)


def warn_of_fewer_threads(settings: Settings) -> None:
    """Log which settings ask for more threads than there are CPUs."""
    cpus = usable_cpus()
    for field in ("threads", "codec_threads"):
        if getattr(settings, field) > cpus:
            log.warning("fewer_threads", setting=environment_name(field), used=cpus, reason="no more CPUs")


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
