"""The brown-out: a ceiling on budgets that falls while requests wait and rises when what arrives would fit.

The optional part of the work is what PAG may skip; the dimmer is the one of Klein et al., "Brownout" (ICSE
2014), with a dead band against flapping. The scheduler records the load; a clock alone moves the ceiling.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from service.settings import Settings

PERIOD_SECONDS = 0.1
CALM_SECONDS = 0.5
DRAIN_SECONDS = 1.0
CALM_SHARE = 0.35  # of the wait aimed at, below which the ceiling may rise
DOWN, STEEP_DOWN, UP = 0.8, 0.6, 1.15
CEILINGS = (0.1, 0.2, 0.35, 0.5, 0.7, 1.0)
WINDOW_SECONDS = 3.0
REMEMBERED = 64
FEW = 4
HIGHEST_LOAD = 0.85

# When a request arrived (time.perf_counter()), admitted or not, and its thread-seconds under each of
# CEILINGS; not the job itself, which holds an image and a model.
Arrival = tuple[float, tuple[float, ...]]


@dataclass
class Load:
    """Recent load: written by the scheduler as requests come and go, read at each tick of the clock.

    Attributes:
        arrivals: the latest requests.
        longest_wait: most seconds that a request would have waited at any moment since the last tick.
        refused: whether a request was refused since the last tick that lower budgets might have let in.
    """

    arrivals: deque[Arrival] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    longest_wait: float = 0.0
    refused: bool = False


@dataclass(frozen=True)
class Capacity:
    """Capacity of the threads: their number, and measured over predicted time of work under contention."""

    threads: int
    stretch: float

    def bears(self, arrivals: Iterable[Arrival], now: float, ceiling: float) -> bool:
        """Whether requests that arrive at the recent rate would leave threads idle under `ceiling`."""
        recent = [(at, costs) for at, costs in arrivals if now - at < WINDOW_SECONDS]
        if len(recent) < FEW:
            return True
        work = sum(float(np.interp(ceiling, CEILINGS, costs)) for _, costs in recent)
        span = max(now - recent[0][0], 1e-3)
        return self.stretch * work / span <= HIGHEST_LOAD * self.threads


class Brownout:
    """The controller of the ceiling in (0,1] on budgets; 1 is no brown-out."""

    def __init__(self, settings: Settings) -> None:
        self.ceiling = 1.0
        self.enabled = settings.brownout
        self._target = settings.brownout_wait_seconds
        self._floor = settings.brownout_floor
        self._restless = 0.0
        self._lowered = 0.0

    def tick(self, now: float, load: Load, capacity: Capacity) -> None:
        """Move the ceiling by the load since the last tick, and begin to record anew; once a period.

        `now` is an instant of the clock that the arrivals of `load` are stamped with.
        """
        worst = max(load.longest_wait, 1.01 * self._target if load.refused else 0.0)
        load.longest_wait, load.refused = 0.0, False
        if not self.enabled:
            return
        if worst > self._target * CALM_SHARE:
            self._restless = now
        if worst <= self._target:
            self._lowered = now
            self._raise_if_calm(now, load, capacity)
        # Where the arrivals fit already, the queue drains; the ceiling falls only if it does not.
        elif not capacity.bears(load.arrivals, now, self.ceiling) or now - self._lowered > DRAIN_SECONDS:
            steps = STEEP_DOWN if worst > 2 * self._target else DOWN
            self.ceiling, self._lowered = max(self._floor, self.ceiling * steps), now

    def _raise_if_calm(self, now: float, load: Load, capacity: Capacity) -> None:
        if self.ceiling >= 1 or now - self._restless < CALM_SECONDS:
            return
        raised = min(1.0, self.ceiling * UP)
        if capacity.bears(load.arrivals, now, raised):
            self.ceiling, self._restless = raised, now - CALM_SECONDS / 2
