"""GET /stream: a WebSocket that takes frames and answers with the maps of the newest."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
from fastapi import APIRouter
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket

from service.engine.engine import Engine
from service.errors import Overloaded, UpgradeRequired
from service.problems import invalid_parameter
from service.routes.request import address_of, refuse_repeated
from service.routes.stream_frames import Frames
from service.routes.stream_session import Session
from service.schemas.stream import StreamQuery
from service.settings import Settings
from service.telemetry.metrics import Metrics

SUBPROTOCOL = "pag"
# A stream without a frame for so long loses its place where others wait for one.
GIVE_WAY_SECONDS = 10.0
# Streams last: a client that is refused need not try again every second.
RETRY_SECONDS = 5

log = structlog.get_logger(__name__)


def build_router(
    engine: Engine,
    settings: Settings,
    metrics: Metrics,
    listeners: set[Callable[[], None]],
) -> APIRouter:
    """The route; `listeners` are called when the server stops."""
    router = APIRouter(tags=["stream"])
    open_streams = _OpenStreams(settings.max_streams, metrics)

    @router.websocket("/stream")
    async def stream(socket: WebSocket) -> None:
        """Frames in, their maps out, the newest first.

        The query is that of POST /parse, with `answer` (npz, zip, overlay) in place of `output`. What cannot
        be is refused with an HTTP status and a problem before the upgrade: 401, 403 (Origin), 404, 422, 429,
        503.

        A binary message of the client is one frame: an encoded image, as in the body of POST /parse. A text
        message is a JSON object of options that hold from the next frame on; null is the default again.

        Each frame is answered, in order, by a text message {"frame", "dropped", "frames_per_second",
        "media_type", "meta"} and a binary one, the maps; or, where it failed, by {"frame", "dropped",
        "problem"} alone. `frame` counts the binary messages from 0, `dropped` those before this one that a
        newer one replaced before they were computed. {"frame": null, "problem"} refuses new options; the
        former stay in force. Two frames are computed at a time, or one where it has a deadline:
        `deadline_ms` counts from a frame's arrival.

        The server closes with 1001 when it stops, 1002 for a flood of tiny frames, 1003 or 1007 for text that
        is no JSON object, 1008 for a message that does not end or a stream that is idle too long, 1009 for a
        message that is too large, 1011 when pings are not answered, 1013 for a message for which no
        memory is left, and for a stream without a frame for 10 seconds when another one needs its place.
        """
        refuse_repeated(socket)
        engine.check_capacity()
        frames, requested = Frames(socket, engine, metrics), _requested(socket)
        frames.options(requested, time.perf_counter())
        idle, kept = settings.stream_idle_seconds, engine.memory.lease(address_of(socket))
        session = Session(socket, frames, requested, metrics, idle, kept)
        with open_streams.one_more(session):
            await socket.accept(SUBPROTOCOL if SUBPROTOCOL in socket.scope["subprotocols"] else None)
            await _run(session, listeners)

    @router.get("/stream", include_in_schema=False)
    async def upgrade(request: Request) -> Response:
        """Refuse a plain request: only a WebSocket can be opened here."""
        raise UpgradeRequired()

    return router


async def _run(session: Session, listeners: set[Callable[[], None]]) -> None:
    begun = time.perf_counter()
    listeners.add(session.stop)
    try:
        await session.run()
    finally:
        listeners.discard(session.stop)
        milliseconds = round(1000 * (time.perf_counter() - begun), 1)
        frames = {name: session.outcomes[name] for name in ("answered", "dropped", "refused", "failed")}
        log.info("stream", code=session.code, milliseconds=milliseconds, frames=session.received, **frames)


def _requested(socket: WebSocket) -> StreamQuery:
    try:
        return StreamQuery.model_validate(dict(socket.query_params))
    except ValidationError as error:
        raise invalid_parameter(error.errors(), StreamQuery, "query") from error


class _OpenStreams:
    """The open streams, bounded; a silent one gives way to a new one."""

    def __init__(self, most: int, metrics: Metrics) -> None:
        self._most = most
        self._open: set[Session] = set()
        metrics.streams.set_function(lambda: len(self._open))

    @contextmanager
    def one_more(self, session: Session) -> Iterator[None]:
        """Count a stream for as long as it is open; Overloaded if there may be no more."""
        if len(self._open) >= self._most:
            quietest = max(self._open, key=lambda each: each.silent_seconds)
            if quietest.silent_seconds < GIVE_WAY_SECONDS:
                detail = f"{len(self._open)} streams are open, the most that are accepted (PAG_MAX_STREAMS)."
                raise Overloaded(detail, RETRY_SECONDS)
            quietest.give_way()
            self._open.discard(quietest)
        self._open.add(session)
        try:
            yield
        finally:
            self._open.discard(session)
