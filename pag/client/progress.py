"""Where a stream stands: frames sent, frames answered, and since when an answer is owed."""

from __future__ import annotations

import threading
from collections import deque

from pag.client.errors import BadAnswer, TimedOut


class Progress:
    """What was sent and answered; two threads may tell it.

    A frame has two numbers: how many the caller gave before it, and how many the server received before it,
    which knows nothing of those that were never sent.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # The caller's numbers of those that the server is not known to be done with.
        self._unanswered: deque[int] = deque()
        self._received = 0
        self._answered = -1
        self._ended = False
        self._owed_since: float | None = None

    def sent(self, number: int, now: float) -> None:
        """The caller's frame `number` is on its way."""
        with self._lock:
            self._unanswered.append(number)
            if self._owed_since is None:
                self._owed_since = now

    def answered(self, received: int, now: float) -> tuple[int, int]:
        """The server is done with all frames up to the one that it calls `received`.

        The caller's number of that frame, and how many the caller gave between it and the one answered last.
        """
        with self._lock:
            done = received + 1 - self._received
            if not 0 < done <= len(self._unanswered):
                raise BadAnswer(f"The stream holds an answer to frame {received}, which waits for none.")
            number = [self._unanswered.popleft() for _ in range(done)][-1]
            dropped = number - self._answered - 1
            self._received, self._answered = received + 1, number
            self._owed_since = now if self._unanswered else None
            return number, dropped

    def end(self) -> bool:
        """No frame follows; whether none is without an answer either."""
        with self._lock:
            self._ended = True
            return not self._unanswered

    @property
    def finished(self) -> bool:
        """Whether all answers are there: the newest frame is never dropped, so its answer is the last."""
        with self._lock:
            return self._ended and not self._unanswered

    def check(self, timeout: float | None, now: float) -> None:
        """TimedOut if the server has owed an answer for too long."""
        with self._lock:
            since = self._owed_since
        if timeout is not None and since is not None and now - since >= timeout:
            raise TimedOut(f"No answer to a frame within {timeout:g} s: give the client a longer timeout.")
