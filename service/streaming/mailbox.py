"""A mailbox for one frame: a newer one takes the place of what nobody has taken."""

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
        asked: the options that held when it came.
        dropped: frames since the last one taken that nobody took.
    """

    number: int
    data: bytes
    arrived: float
    asked: A
    dropped: int


class Mailbox(Generic[A]):
    """Numbers what comes and holds the newest until it is taken."""

    def __init__(self) -> None:
        self.received = 0
        self._taken = 0
        self._newest: Frame[A] | None = None
        self._closed = False
        self._changed = asyncio.Event()

    def put(self, data: bytes, arrived: float, asked: A) -> None:
        """A frame has come; it replaces one that waits."""
        number = self.received
        self.received += 1
        if not self._closed:
            self._newest = Frame(number, data, arrived, asked, number - self._taken)
            self._changed.set()

    async def take(self) -> Frame[A] | None:
        """The newest frame, once there is one; None if the mailbox is closed."""
        await self._changed.wait()
        if self._newest is None:
            return None
        self._changed.clear()
        frame, self._newest = self._newest, None
        self._taken = frame.number + 1
        return frame

    def close(self) -> None:
        """Nothing is taken from now on, not even what waits."""
        self._closed = True
        self._newest = None
        self._changed.set()
