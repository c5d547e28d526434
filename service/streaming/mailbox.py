"""A mailbox for one frame: a newer frame replaces one that has not been taken."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

A = TypeVar("A")


@dataclass(frozen=True)
class Frame(Generic[A]):
    """One frame of a stream.

    Attributes:
        number: of frames received before it.
        arrived: instant of time.perf_counter().
        options: those in force when it arrived.
        dropped: frames replaced since the last one that was taken.
    """

    number: int
    data: bytes
    arrived: float
    options: A
    dropped: int


class Mailbox(Generic[A]):
    """Numbers the frames received and keeps the newest until it is taken; `keeps` is told of its bytes."""

    def __init__(self, keeps: Callable[[int], None] = lambda size: None) -> None:
        self.received = 0
        self._keeps = keeps
        self._taken = 0
        self._newest: Frame[A] | None = None
        self._closed = False
        self._taker: asyncio.Future[Frame[A] | None] | None = None

    def put(self, data: bytes, arrived: float, options: A) -> None:
        """Receive a frame: it goes to a taker that waits, else replaces the frame that is kept."""
        number = self.received
        self.received += 1
        if self._closed:
            return
        frame = Frame(number, data, arrived, options, number - self._taken)
        # A client that never exceeds the frames in flight loses none, even if two arrive together.
        if not self._hand_over(frame):
            self._keep(frame)

    async def take(self) -> Frame[A] | None:
        """The newest frame, once there is one; None if the mailbox is closed."""
        if self._newest is None and not self._closed:
            return await self._next()
        frame = self._newest
        self._keep(None)
        if frame is not None:
            self._taken = frame.number + 1
        return frame

    def close(self) -> None:
        """End: no frame is taken from now on, not even the one that is kept."""
        self._closed = True
        self._keep(None)
        self._hand_over(None)

    def _keep(self, frame: Frame[A] | None) -> None:
        self._newest = frame
        self._keeps(0 if frame is None else len(frame.data))

    async def _next(self) -> Frame[A] | None:
        self._taker = asyncio.get_running_loop().create_future()
        try:
            return await self._taker
        finally:
            self._taker = None

    def _hand_over(self, frame: Frame[A] | None) -> bool:
        if self._taker is None or self._taker.done():
            return False
        if frame is not None:
            self._taken = frame.number + 1
        self._taker.set_result(frame)
        return True
