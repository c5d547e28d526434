"""The recent rate of frames per second."""

from __future__ import annotations

from collections import deque

WINDOW_SECONDS = 2.0


class Rate:
    """Mean rate of events over a window that ends with the last of them."""

    def __init__(self) -> None:
        self._instants: deque[float] = deque()

    def note(self, now: float) -> float | None:
        """Count an event at `now`, in seconds; returns events per second, None for the first."""
        self._instants.append(now)
        # Two are kept however far apart: slow streams have a rate as well.
        while len(self._instants) > 2 and now - self._instants[0] > WINDOW_SECONDS:
            self._instants.popleft()
        span = now - self._instants[0]
        return (len(self._instants) - 1) / span if span > 0 else None
