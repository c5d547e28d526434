"""Where a stream stands: frames sent, frames answered, and since when an answer is owed."""

from __future__ import annotations

import threading

from pag.client.errors import TimedOut


class Progress:
    """How many frames were sent and answered; two threads may tell it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sent = 0
        self._answered = 0
        self._ended = False
        self._owed_since: float | None = None

    def sent(self, now: float) -> None:
        """One more frame is on its way."""
        with self._lock:
            self._sent += 1
            if self._owed_since is None:
                self._owed_since = now

    def answered(self, number: int, now: float) -> None:
        """The server is done with all frames up to `number`."""
        with self._lock:
            self._answered = number + 1
            self._owed_since = now if self._answered < self._sent else None

    def end(self) -> bool:
        """No frame follows; whether none is without an answer either."""
        with self._lock:
            self._ended = True
            return self._answered == self._sent

    @property
    def finished(self) -> bool:
        """Whether all answers are there: the newest frame is never dropped, so its answer is the last."""
        with self._lock:
            return self._ended and self._answered == self._sent

    def check(self, timeout: float | None, now: float) -> None:
        """TimedOut if the server has owed an answer for too long."""
        with self._lock:
            since = self._owed_since
        if timeout is not None and since is not None and now - since >= timeout:
            raise TimedOut(f"No answer to a frame within {timeout:g} s: give the client a longer timeout.")
