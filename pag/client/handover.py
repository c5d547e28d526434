"""From who gives frames to who sends them: the newest wins; for threads, and for tasks."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import Generic, TypeVar

from pag.client.outbox import Given, Outbox

F = TypeVar("F")


class Handover(Generic[F]):
    """Between two threads; a frame has `patience` seconds to be taken before a newer one may replace it."""

    def __init__(self, patience: float | None) -> None:
        self._outbox = Outbox[F]()
        self._patience = patience
        self._changed = threading.Condition()

    def put(self, frame: F) -> None:
        """Give a frame; returns when it is taken, or out of patience (never, if that is None)."""
        with self._changed:
            self._outbox.put(frame)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._outbox.empty, self._patience)

    def end(self) -> None:
        """No frame follows."""
        with self._changed:
            self._outbox.end()
            self._changed.notify_all()

    def give_up(self, failure: BaseException | None = None) -> None:
        """Let nobody wait any more; who takes is told of `failure`."""
        with self._changed:
            self._outbox.give_up(failure)
            self._changed.notify_all()

    def take(self) -> Given[F] | None:
        """The newest frame, once there is one; None if none will come."""
        with self._changed:
            self._changed.wait_for(lambda: self._outbox.due)
            taken = self._outbox.take()
            self._changed.notify_all()
            return taken


class AsyncHandover(Generic[F]):
    """The same between two tasks."""

    def __init__(self, patience: float | None) -> None:
        self._outbox = Outbox[F]()
        self._patience = patience
        self._changed = asyncio.Condition()

    async def put(self, frame: F) -> None:
        """Give a frame; returns when it is taken, or out of patience (never, if that is None)."""
        async with self._changed:
            self._outbox.put(frame)
            self._changed.notify_all()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._patience):
                    await self._changed.wait_for(lambda: self._outbox.empty)

    async def end(self) -> None:
        """No frame follows."""
        async with self._changed:
            self._outbox.end()
            self._changed.notify_all()

    async def give_up(self, failure: BaseException) -> None:
        """Nobody gives any more; who takes is told of `failure`."""
        async with self._changed:
            self._outbox.give_up(failure)
            self._changed.notify_all()

    async def take(self) -> Given[F] | None:
        """The newest frame, once there is one; None if none will come."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._outbox.due)
            taken = self._outbox.take()
            self._changed.notify_all()
            return taken
