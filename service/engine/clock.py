"""Background work of the application: coroutines that run for as long as a context lasts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

import structlog

log = structlog.get_logger(__name__)


@asynccontextmanager
async def background(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run `work` beside the context, and cancel it at its end."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def every(seconds: float, act: Callable[[float], None]) -> None:
    """Call `act` with the time of time.perf_counter() every so many seconds, until cancelled."""
    while True:
        await asyncio.sleep(seconds)
        try:
            act(time.perf_counter())
        except Exception:
            log.exception("tick_failed", action=act.__qualname__)
