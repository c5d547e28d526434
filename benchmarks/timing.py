"""Contenders in turns, what their times say, and what else the machine did meanwhile."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Run = Callable[[], object]

QUANTILES = {"least": 0, "lower_quartile": 0.25, "median": 0.5, "upper_quartile": 0.75}

SETTLING_SECONDS = 10e-3
"""Threads of another contender's pool go on spinning for some milliseconds after its run (libgomp: 8)."""
LONG_SECONDS = 0.1
"""A run as long as this needs no untimed one before it, and is always interrupted somewhere."""
ATTEMPTS = 3


@dataclass(frozen=True)
class Timings:
    """Milliseconds of contenders that took turns: name -> one value a round, the rounds in common."""

    milliseconds: Mapping[str, NDArray[np.float64]]

    def median(self, name: str) -> float:
        """Milliseconds."""
        return float(np.median(self.milliseconds[name]))

    def ratio(self, name: str, base: str) -> float:
        """Median over the rounds of time(name) / time(base): phases of the machine cancel."""
        return float(np.median(self.milliseconds[name] / self.milliseconds[base]))

    def spread(self, name: str) -> float:
        """Upper over lower quartile, less one."""
        low, high = np.quantile(self.milliseconds[name], (0.25, 0.75))
        return float(high / low - 1)

    def to_json(self) -> dict[str, dict[str, float]]:
        """Name -> least value, quartiles, median and number of runs."""
        return {
            name: _quantiles(values) | {"runs": len(values)} for name, values in self.milliseconds.items()
        }


def measure(runs: Mapping[str, Run], seconds: float, least: int = 5) -> Timings:
    """Runs the contenders in turns for about so many seconds, but `least` rounds."""
    values: dict[str, list[float]] = {name: [] for name in runs}
    last = dict.fromkeys(runs, 0.0)
    end, rounds = time.perf_counter() + seconds, 0
    while rounds < least or time.perf_counter() < end:
        for name, run in runs.items():
            last[name] = _turn(run, last[name])
            values[name].append(last[name] * 1e3)
        rounds += 1
    return Timings({name: np.array(column) for name, column in values.items()})


def _turn(run: Run, last: float) -> float:
    """Seconds of one run that other processes leave alone, if one of a few attempts is, else of the last."""
    if last >= LONG_SECONDS:
        time.sleep(SETTLING_SECONDS)
        return _timed(run)
    settled = time.perf_counter() + SETTLING_SECONDS
    run()  # at least once: it wakes its own threads and brings its data into the caches
    while time.perf_counter() < settled:
        run()
    for _ in range(ATTEMPTS):
        before = _interruptions()
        seconds = _timed(run)
        if _interruptions() == before:
            break
    return seconds


def _timed(run: Run) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def _interruptions() -> int:
    """How often the scheduler took a core from one of this process's threads."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


@dataclass(frozen=True)
class Limit:
    """A figure that should not be larger than its limit."""

    what: str
    value: float
    limit: float

    @property
    def passed(self) -> bool:
        """Whether it is not; NaN, not measured, is a failure."""
        return self.value <= self.limit

    def to_json(self) -> dict[str, Any]:
        """By name."""
        return {
            "what": self.what,
            "value": round(self.value, 4),
            "limit": self.limit,
            "passed": self.passed,
        }

    def __str__(self) -> str:
        return f"{'ok  ' if self.passed else 'MISS'} {self.value:6.3f} (limit {self.limit:g}) {self.what}"


class Bystanders:
    """The share of the machine's time that other processes took since this object was made."""

    def __init__(self) -> None:
        self._start, self._busy, self._own = time.perf_counter(), _busy_seconds(), _own_seconds()

    def share(self) -> float:
        """In [0, 1]; 0 where the system does not tell."""
        total = (time.perf_counter() - self._start) * (os.cpu_count() or 1)
        others = (_busy_seconds() - self._busy) - (_own_seconds() - self._own)
        return round(min(max(others / total, 0.0), 1.0), 3)

    def __str__(self) -> str:
        return f"Other processes took {self.share():.0%} of the machine's time."


def _busy_seconds() -> float:
    """Seconds that all cores together were not idle since the machine started."""
    path = Path("/proc/stat")
    if not path.is_file():
        return 0.0
    ticks = [int(value) for value in path.read_text().split("\n", 1)[0].split()[1:9]]
    idle, waiting = ticks[3], ticks[4]
    return (sum(ticks) - idle - waiting) / os.sysconf("SC_CLK_TCK")


def _own_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _quantiles(values: NDArray[np.float64]) -> dict[str, float]:
    figures = np.quantile(values, list(QUANTILES.values())).round(4).tolist()
    return dict(zip(QUANTILES, figures, strict=True))


def geometric_mean(values: list[float], weights: list[int] | None = None) -> float:
    """Of positive values; a weight counts its value so many times."""
    return float(np.exp(np.average(np.log(values), weights=weights)))
