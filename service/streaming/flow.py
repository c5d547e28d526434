"""Concurrent computation of frames with answers in the order of arrival."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from service.streaming.mailbox import Frame, Mailbox

A = TypeVar("A")
R = TypeVar("R")
InFlight = tuple[Frame[A], asyncio.Task[R]]


class Flow(Generic[A, R]):
    """Takes frames from a mailbox, computes them, and delivers the results.

    At most `max_in_flight` frames are taken and not yet delivered. A frame is taken only when it can be
    computed at once, so that it is the newest. While one that `alone` selects is computed, none is taken.
    """

    def __init__(
        self,
        mailbox: Mailbox[A],
        compute: Callable[[Frame[A]], Awaitable[R]],
        deliver: Callable[[Frame[A], R], Awaitable[None]],
        max_in_flight: int,
        alone: Callable[[Frame[A]], bool] = lambda frame: False,
    ) -> None:
        self._mailbox = mailbox
        self._compute = compute
        self._deliver = deliver
        self._capacity = asyncio.Semaphore(max_in_flight)
        self._alone = alone
        self._free = asyncio.Event()
        self._free.set()
        self._in_flight: asyncio.Queue[InFlight[A, R] | None] = asyncio.Queue()

    async def run(self) -> None:
        """Run until the mailbox is closed and every frame taken is delivered."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._deliver_all())
            while await self._start_next(group):
                continue
            self._in_flight.put_nowait(None)

    async def _start_next(self, group: asyncio.TaskGroup) -> bool:
        await self._capacity.acquire()
        await self._free.wait()
        frame = await self._mailbox.take()
        if frame is not None:
            if self._alone(frame):
                self._free.clear()
            self._in_flight.put_nowait((frame, group.create_task(self._computed(frame))))
        return frame is not None

    async def _computed(self, frame: Frame[A]) -> R:
        result = await self._compute(frame)
        if self._alone(frame):
            self._free.set()
        return result

    async def _deliver_all(self) -> None:
        while await self._deliver_next():
            continue

    # A method of its own, so that no variable holds a frame and its answer until the next one comes.
    async def _deliver_next(self) -> bool:
        if (in_flight := await self._in_flight.get()) is None:
            return False
        frame, task = in_flight
        await self._deliver(frame, await task)
        self._capacity.release()
        return True
