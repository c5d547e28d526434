"""The process around the application: listens, drains when told to stop, ends at the latest when it must."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from functools import partial
from types import FrameType
from typing import Any, cast

import structlog
import uvicorn
from fastapi import FastAPI
from uvicorn.config import STARTUP_FAILURE

from service.settings import Settings
from service.transport.connections import Connection, Limits
from service.transport.stream_connections import StreamConnection

# uvicorn ticks ten times a second.
TICKS_PER_SWEEP = 5
POLL_SECONDS = 0.05
# To peers of streams, which may have nothing to say for long.
PING_SECONDS = 20.0
# After the time for running requests, for what cannot be interrupted.
LAST_SECONDS = 0.8

log = structlog.get_logger(__name__)


class Server(uvicorn.Server):
    """Closes overdue connections; when told to stop, listens on to refuse until it is idle."""

    def __init__(self, app: FastAPI, settings: Settings) -> None:
        self._stopping = app.state.stopping
        self._seconds = settings.shutdown_seconds
        limits = Limits(settings.body_timeout_seconds, settings.send_timeout_seconds, app.state.metrics)
        super().__init__(
            uvicorn.Config(
                app,
                host=settings.host,
                port=settings.port,
                # uvicorn makes connections of these and asks nothing else.
                http=cast(Any, partial(Connection, limits=limits)),
                ws=cast(Any, partial(StreamConnection, limits=limits)),
                ws_max_size=settings.max_body_bytes,
                ws_ping_interval=PING_SECONDS,
                ws_ping_timeout=settings.body_timeout_seconds,
                # Photographs and maps are as small as they get.
                ws_per_message_deflate=False,
                log_config=None,
                access_log=False,
                server_header=False,
            )
        )

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal to stop: only a process of its own gets one, so this may end it."""
        self._stopping.begun = True
        latest = threading.Timer(self._seconds + LAST_SECONDS, _end)
        latest.daemon = True
        latest.start()
        super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second."""
        if counter % TICKS_PER_SWEEP == 0:
            self._sweep()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: Any = None) -> None:
        """Refuse what comes until what runs is answered or its time is up; then close everything."""
        self._stopping.begin()
        loop = asyncio.get_running_loop()
        end = loop.time() + self._seconds
        log.info("stopping", running=self._stopping.running, seconds=self._seconds)
        while self._stopping.running and loop.time() < end and not self.force_exit:
            self._sweep()
            await asyncio.sleep(POLL_SECONDS)
        self.config.timeout_graceful_shutdown = cast(int, max(0.0, end - loop.time()))
        await super().shutdown(sockets)

    def _sweep(self) -> None:
        now = asyncio.get_running_loop().time()
        for connection in tuple(self.server_state.connections):
            try:
                cast(Connection | StreamConnection, connection).close_if_overdue(now)
            except Exception:
                # One connection's trouble must not end the loop that serves all.
                log.exception("sweep_failed")


def serve(app: FastAPI, settings: Settings) -> None:
    """Run `app` in this process until it is told to stop."""
    # uvicorn raises the signal again once it has drained: being told to stop is no failure.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server = Server(app, settings)
    try:
        server.run()
    except KeyboardInterrupt:
        return
    if not server.started:
        sys.exit(STARTUP_FAILURE)


def _end() -> None:
    log.error("stopped_by_force", reason="work that cannot be interrupted was still running")
    sys.stderr.flush()
    os._exit(1)
