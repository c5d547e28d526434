"""What has been asked for lately, admitted or not: whether it would fit under a higher ceiling."""

from __future__ import annotations

from collections import deque

import numpy as np

from service.engine.choice import Chooser
from service.engine.job import Job

CEILINGS = (0.1, 0.2, 0.35, 0.5, 0.7, 1.0)
WINDOW_SECONDS = 3.0
REMEMBERED = 64
FEW = 4
HIGHEST_LOAD = 0.85


class Demand:
    """The last arrivals: when, and the thread-seconds that each asks for under some ceilings."""

    def __init__(self, chooser: Chooser, threads: int) -> None:
        self._chooser = chooser
        self._threads = threads
        self._arrivals: deque[tuple[float, list[float]]] = deque(maxlen=REMEMBERED)

    def note(self, job: Job) -> None:
        """Remember an arrival; not the job itself, which holds an image and a model."""
        costs = [self._chooser.thread_seconds(job, ceiling) for ceiling in CEILINGS]
        self._arrivals.append((job.arrived, costs))

    def fits(self, now: float, ceiling: float, stretch: float) -> bool:
        """Whether arrivals at the late rate would leave threads idle under `ceiling`.

        `stretch` is measured over predicted time: what contention adds to each piece of work.
        """
        recent = [(at, costs) for at, costs in self._arrivals if now - at < WINDOW_SECONDS]
        if len(recent) < FEW:
            return True
        work = sum(float(np.interp(ceiling, CEILINGS, costs)) for _, costs in recent)
        span = max(now - recent[0][0], 1e-3)
        return stretch * work / span <= HIGHEST_LOAD * self._threads
