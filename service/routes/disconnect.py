"""Notices that a client has closed its connection while its answer is made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from starlette.requests import Request

from service.engine.job import Cancellation


@asynccontextmanager
async def cancelled_on_disconnect(request: Request, *cancellations: Cancellation) -> AsyncIterator[None]:
    """Use the cancellations when the client leaves within the context; the body must have been read."""

    async def watch() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        for cancellation in cancellations:
            cancellation.cancel()

    watcher = asyncio.create_task(watch())
    try:
        yield
    finally:
        watcher.cancel()
        with suppress(asyncio.CancelledError):
            await watcher
