"""The server process: listens, drains on a signal to stop, and ends by force after a time limit."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import threading
from contextlib import suppress
from functools import partial
from types import FrameType
from typing import Any, Protocol, cast

import structlog
import uvicorn
from fastapi import FastAPI

from service.engine.resources import most_connections
from service.errors import StartupError
from service.settings import Settings
from service.transport.places import Places
from service.transport.versions import check_versions

# uvicorn ticks ten times a second.
TICKS_PER_SWEEP = 5
POLL_SECONDS = 0.05
# Between pings to peers of streams, which may be silent for long.
PING_SECONDS = 20.0
EVERYWHERE = ("0.0.0.0", "::")
# For what cannot be interrupted, after the time for running requests.
FINAL_SECONDS = 0.8

log = structlog.get_logger(__name__)


class LimitedConnection(Protocol):
    """A connection that closes itself when something of it is overdue."""

    def close_if_overdue(self, now: float) -> None:
        """`now` in seconds of the loop's clock."""


class Server(uvicorn.Server):
    """uvicorn's server, which also closes overdue connections and, while it drains, refuses new requests."""

    def __init__(self, app: FastAPI, settings: Settings) -> None:
        """Raises StartupError where uvicorn or websockets is of a version whose internals differ."""
        check_versions()
        # With another version these imports may fail, and say less.
        from service.transport.connections import Connection, Limits  # noqa: PLC0415
        from service.transport.stream_connections import StreamConnection  # noqa: PLC0415

        self._stopping = app.state.stopping
        self._is_ready = app.state.is_ready
        # Still to be told, to whoever looks at the log for where to go.
        self._addresses: list[str] = []
        self._lifespan = app.router.lifespan_context(app)
        self._seconds = settings.shutdown_seconds
        limits = Limits(
            settings.body_timeout_seconds,
            settings.send_timeout_seconds,
            settings.send_bytes_per_second,
            app.state.metrics,
            Places(most_connections(settings), settings.max_connections_per_address),
            app.state.memory,
        )
        super().__init__(
            uvicorn.Config(
                app,
                host=settings.host,
                port=settings.port,
                # uvloop accepts one connection a turn: of 100 clients at once some waited for 12 s.
                loop="asyncio",
                # uvicorn only calls these.
                http=cast(Any, partial(Connection, limits=limits)),
                ws=cast(Any, partial(StreamConnection, limits=limits)),
                ws_max_size=settings.max_body_bytes,
                ws_ping_interval=PING_SECONDS,
                ws_ping_timeout=settings.body_timeout_seconds,
                # Photographs and maps are compressed already.
                ws_per_message_deflate=False,
                log_config=None,
                lifespan="off",
                access_log=False,
                server_header=False,
            )
        )

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop; called in a process of its own only, which this may therefore end by force."""
        self._stopping.begun = True
        latest = threading.Timer(self._seconds + FINAL_SECONDS, _end)
        latest.daemon = True
        latest.start()
        super().handle_exit(sig, frame)

    async def _serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Bind, load, then serve; StartupError before anything listens.

        uvicorn would log the cause of a failure, and end the process without a word of its own.
        """
        if sockets is None and self.config.uds is None:
            sockets = await _bound(self.config.host, self.config.port)
            self._addresses = [_url(each) for each in sockets]
        async with self._lifespan:
            await super()._serve(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen; StartupError if another program, which began at the same time, was quicker."""
        try:
            await super().startup(sockets)
        except OSError as error:
            raise _cannot_listen(self.config.host, self.config.port, error) from error

    async def on_tick(self, counter: int) -> bool:
        """Called ten times a second."""
        if counter % TICKS_PER_SWEEP == 0:
            self._sweep()
        if self._addresses and self._is_ready():
            log.info("serving", open=" ".join(self._addresses))
            self._addresses = []
        return await super().on_tick(counter)

    async def shutdown(self, sockets: Any = None) -> None:
        """Refuse new requests until the running ones are answered or out of time; then close everything."""
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
                cast(LimitedConnection, connection).close_if_overdue(now)
            except Exception:
                # A failure of one connection must not end the loop that serves all.
                log.exception("sweep_failed")


def serve(app: FastAPI, settings: Settings) -> None:
    """Run `app` in this process until a signal stops it; raises StartupError as `Server` does."""
    # uvicorn raises the signal again once it has drained: to be stopped is no failure.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with suppress(KeyboardInterrupt):
        Server(app, settings).run()


async def _bound(host: str, port: int) -> list[socket.socket]:
    """Sockets of an address, bound and not yet listening; StartupError names what keeps it from them."""
    loop = asyncio.get_running_loop()
    try:
        server = await loop.create_server(asyncio.Protocol, host, port, start_serving=False)
    except OSError as error:
        raise _cannot_listen(host, port, error) from error
    # Theirs are closed with the server that made them.
    sockets = [socket.socket(fileno=os.dup(each.fileno())) for each in server.sockets]
    server.close()
    return sockets


def _cannot_listen(host: str, port: int, error: OSError) -> StartupError:
    # The library's own words repeat the address; those of resolvers have numbers below 0.
    number = error.errno or 0
    why = os.strerror(number) if number > 0 else error.strerror or str(error)
    return StartupError(
        f"port {port} of {host} cannot be listened on ({why}): set PAG_PORT (--port) and PAG_HOST (--host) "
        "to what is free here, or end the program that listens there"
    )


def _url(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    host = "localhost" if host in EVERYWHERE else f"[{host}]" if ":" in host else host
    return f"http://{host}:{port}/"


def _end() -> None:
    log.error("stopped_by_force", reason="work that cannot be interrupted was still running")
    sys.stderr.flush()
    os._exit(1)
