"""Memory and descriptors of a process over time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.memory import mebibytes, status


@dataclass(frozen=True)
class Sample:
    """At so many seconds from the start: resident MiB, open descriptors, threads."""

    seconds: float
    mebibytes: float
    descriptors: int
    threads: int


def sample(process_id: int, start: float) -> Sample:
    """Of a process now (Linux)."""
    descriptors = sum(1 for _ in Path(f"/proc/{process_id}/fd").iterdir())
    seconds = round(time.monotonic() - start, 2)
    return Sample(seconds, mebibytes(process_id), descriptors, status(process_id, "Threads"))


def drift(samples: Sequence[Sample], begin: float, window: float) -> dict[str, Any]:
    """Growth from `begin` on: of the means of the first and last `window` seconds, and by least squares.

    A window should hold whole periods of the load, so that both ends are taken at equal load.
    """
    kept = [each for each in samples if each.seconds >= begin]
    if len(kept) < 2:
        return {"percent": float("nan"), "samples": len(kept)}
    times = np.array([each.seconds for each in kept])
    values = np.array([each.mebibytes for each in kept])
    first = float(values[times < times[0] + window].mean())
    last = float(values[times > times[-1] - window].mean())
    slope = float(np.polyfit(times, values, 1)[0])
    return {
        "percent": round(100 * (last / first - 1), 2),
        "first_mebibytes": round(first, 1),
        "last_mebibytes": round(last, 1),
        "slope_mebibytes_per_hour": round(3600 * slope, 1),
        "slope_percent_over_run": round(100 * slope * float(times[-1] - times[0]) / first, 2),
        "samples": len(kept),
    }


def to_rows(samples: Sequence[Sample]) -> list[list[float]]:
    """One list a sample."""
    return [list(asdict(each).values()) for each in samples]
