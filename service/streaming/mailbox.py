"""A mailbox for one frame: a newer one takes the place of what nobody has taken or waits for."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Generic, TypeVar

A = TypeVar("A")


@dataclass(frozen=True)
class Frame(Generic[A]):
    """One frame of a stream.

    Attributes:
        number: how many came before it.
        arrived: instant of time.perf_counter().
        options: those that held when it arrived.
        dropped: frames since the last one taken that nobody took.
    """

    number: int
    data: bytes
    arrived: float
    options: A
    dropped: int


class Mailbox(Generic[A]):
    """Numbers what comes and holds the newest until it is taken."""

    def __init__(self) -> None:
        self.received = 0
        self._taken = 0
        self._newest: Frame[A] | None = None
        self._closed = False
        self._taker: asyncio.Future[Frame[A] | None] | None = None

    def put(self, data: bytes, arrived: float, options: A) -> None:
        """A frame has come; it replaces one that waits, and goes at once to who waits for one."""
        number = self.received
        self.received += 1
        if self._closed:
            return
        frame = Frame(number, data, arrived, options, number - self._taken)
        # Who never sends more frames than have places loses none, even if two arrive together.
        if not self._hand_over(frame):
            self._newest = frame

    async def take(self) -> Frame[A] | None:
        """The newest frame, once there is one; None if the mailbox is closed."""
        if self._newest is None and not self._closed:
            return await self._next()
        frame, self._newest = self._newest, None
        if frame is not None:
            self._taken = frame.number + 1
        return frame

    def close(self) -> None:
        """Nothing is taken from now on, not even what waits."""
        self._closed = True
        self._newest = None
        self._hand_over(None)

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
