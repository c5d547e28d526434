"""The frame queue of a stream: the newest frame waits to be sent, in the place of one that waited.

`FrameQueue` has no threads and no I/O; `BlockingFrameQueue` and `AsyncFrameQueue` wait around it. `Progress`
counts the frames from there on: sent, received and answered.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from pag.client.errors import BadAnswer, TimedOut

F = TypeVar("F")


@dataclass(frozen=True)
class NumberedFrame(Generic[F]):
    """A frame, and how many were put before it."""

    number: int
    frame: F


class FrameQueue(Generic[F]):
    """Numbers the frames that are put, and keeps the newest until it is taken."""

    def __init__(self) -> None:
        self._count = 0
        self._newest: NumberedFrame[F] | None = None
        self._ended = False
        self._failure: BaseException | None = None

    @property
    def is_empty(self) -> bool:
        """Whether the newest frame was taken."""
        return self._newest is None

    @property
    def can_take(self) -> bool:
        """Whether `take` has a result: a frame, or that none will come."""
        return self._ended or self._newest is not None

    def put(self, frame: F) -> None:
        """One more frame; it replaces one that waits."""
        if not self._ended:
            self._newest = NumberedFrame(self._count, frame)
        self._count += 1

    def end(self) -> None:
        """No frame follows; one that waits may still be taken."""
        self._ended = True

    def abort(self, failure: BaseException | None = None) -> None:
        """No frame is taken from now on; `take` raises `failure`, if one is given."""
        self._ended, self._newest = True, None
        self._failure = self._failure or failure

    def take(self) -> NumberedFrame[F] | None:
        """The newest frame; None if there is none."""
        if self._failure is not None:
            raise self._failure
        taken, self._newest = self._newest, None
        return taken


class BlockingFrameQueue(Generic[F]):
    """A frame queue between two threads; `put` waits up to `put_seconds` for its frame to be taken.

    None: for ever, so that no frame is replaced.
    """

    def __init__(self, put_seconds: float | None) -> None:
        self._queue = FrameQueue[F]()
        self._put_seconds = put_seconds
        self._changed = threading.Condition()

    def put(self, frame: F) -> None:
        """Put a frame; returns when it is taken, or the seconds are over."""
        with self._changed:
            self._queue.put(frame)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._queue.is_empty, self._put_seconds)

    def end(self) -> None:
        """No frame follows."""
        with self._changed:
            self._queue.end()
            self._changed.notify_all()

    def abort(self, failure: BaseException | None = None) -> None:
        """No thread waits any more; `take` raises `failure`, if one is given."""
        with self._changed:
            self._queue.abort(failure)
            self._changed.notify_all()

    def take(self) -> NumberedFrame[F] | None:
        """The newest frame, once there is one; None if none will come."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue.can_take)
            taken = self._queue.take()
            self._changed.notify_all()
            return taken


class AsyncFrameQueue(Generic[F]):
    """The same between two tasks."""

    def __init__(self, put_seconds: float | None) -> None:
        self._queue = FrameQueue[F]()
        self._put_seconds = put_seconds
        self._changed = asyncio.Condition()

    async def put(self, frame: F) -> None:
        """Put a frame; returns when it is taken, or the seconds are over."""
        async with self._changed:
            self._queue.put(frame)
            self._changed.notify_all()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._put_seconds):
                    await self._changed.wait_for(lambda: self._queue.is_empty)

    async def end(self) -> None:
        """No frame follows."""
        async with self._changed:
            self._queue.end()
            self._changed.notify_all()

    async def abort(self, failure: BaseException) -> None:
        """No frame follows; `take` raises `failure`."""
        async with self._changed:
            self._queue.abort(failure)
            self._changed.notify_all()

    async def take(self) -> NumberedFrame[F] | None:
        """The newest frame, once there is one; None if none will come."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._queue.can_take)
            taken = self._queue.take()
            self._changed.notify_all()
            return taken


class Progress:
    """The frames that were sent and those that were answered; two threads may report them.

    A frame has two numbers: how many the caller gave before it, and how many the server received before it,
    which knows nothing of those that were never sent.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # The caller's numbers of those that the server is not known to have finished.
        self._unanswered: deque[int] = deque()
        self._received = 0
        self._answered = -1
        self._ended = False
        self._waiting_since: float | None = None

    def sent(self, number: int, now: float) -> None:
        """The caller's frame `number` is being sent; `now` in seconds."""
        with self._lock:
            self._unanswered.append(number)
            if self._waiting_since is None:
                self._waiting_since = now

    def answered(self, received: int, now: float) -> tuple[int, int]:
        """The server has finished all frames up to the one that it numbers `received`.

        Returns the caller's number of that frame, and how many the caller gave between it and the one that
        was answered last. BadAnswer if no such frame is unanswered.
        """
        with self._lock:
            finished = received + 1 - self._received
            if not 0 < finished <= len(self._unanswered):
                raise BadAnswer(f"The stream holds an answer to frame {received}, which waits for none.")
            number = [self._unanswered.popleft() for _ in range(finished)][-1]
            dropped = number - self._answered - 1
            self._received, self._answered = received + 1, number
            self._waiting_since = now if self._unanswered else None
            return number, dropped

    def end(self) -> bool:
        """No frame follows; returns whether all are answered."""
        with self._lock:
            self._ended = True
            return not self._unanswered

    @property
    def finished(self) -> bool:
        """Whether all answers are there: the newest frame is never dropped, so its answer is the last."""
        with self._lock:
            return self._ended and not self._unanswered

    def check_time(self, timeout: float | None, now: float) -> None:
        """TimedOut if an answer has been due for `timeout` seconds; None: no limit."""
        with self._lock:
            since = self._waiting_since
        if timeout is not None and since is not None and now - since >= timeout:
            raise TimedOut(f"No answer to a frame within {timeout:g} s: give the client a longer timeout.")
