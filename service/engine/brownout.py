"""Lowers the ceiling on budgets while requests wait, and raises it when what arrives would fit again.

The optional part of the work is what PAG may skip; the dimmer is the one of Klein et al., "Brownout" (ICSE
2014), with a dead band against flapping.
"""

from __future__ import annotations

from collections.abc import Callable

from service.settings import Settings

PERIOD = 0.1
CALM_SECONDS = 0.5
DRAIN_SECONDS = 1.0
CALM_SHARE = 0.35  # of the wait aimed at, below which the ceiling may rise
DOWN, STEEP_DOWN, UP = 0.8, 0.6, 1.15


class Brownout:
    """The ceiling in (0,1] that load sets on budgets; 1 is none."""

    def __init__(self, settings: Settings) -> None:
        self.ceiling = 1.0
        self._enabled = settings.brownout
        self._target = settings.brownout_wait
        self._floor = settings.brownout_floor
        self._worst = 0.0
        self._acted = 0.0
        self._restless = 0.0
        self._lowered = 0.0

    def press(self) -> None:
        """Note that a request was refused that lower budgets might have let in."""
        self._worst = max(self._worst, 1.01 * self._target)

    def update(self, now: float, wait: float, fits: Callable[[float], bool]) -> None:
        """Note that a request arriving at `now` would wait `wait` seconds; act once a period.

        `fits` tells whether what has arrived lately would be served in time under a ceiling.
        """
        self._worst = max(self._worst, wait)
        if not self._enabled or now - self._acted < PERIOD:
            return
        worst, self._worst, self._acted = self._worst, 0.0, now
        if worst > self._target * CALM_SHARE:
            self._restless = now
        if worst <= self._target:
            self._lowered = now
        # Where what arrives fits already, the queue drains; lower is only needed if it does not.
        if worst > self._target and (not fits(self.ceiling) or now - self._lowered > DRAIN_SECONDS):
            steps = STEEP_DOWN if worst > 2 * self._target else DOWN
            self.ceiling, self._lowered = max(self._floor, self.ceiling * steps), now
        elif worst <= self._target and self.ceiling < 1 and now - self._restless >= CALM_SECONDS:
            raised = min(1.0, self.ceiling * UP)
            if fits(raised):
                self.ceiling, self._restless = raised, now - CALM_SECONDS / 2
