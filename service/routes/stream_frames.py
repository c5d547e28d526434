"""The frames of a stream: each goes through the engine and becomes an answer or a failure."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Any

import structlog
from pydantic import ValidationError
from starlette.requests import HTTPConnection

from service.engine.engine import Engine
from service.engine.job import Cancellation, Options, Parsed
from service.engine.memory import Lease
from service.errors import DeadlineUnreachable, ServiceError, Unavailable
from service.problems import internal_error, invalid_parameter, problem_body
from service.routes.representations import describe, representation
from service.routes.request import address_of, options_of
from service.schemas.stream import StreamQuery
from service.streaming.mailbox import Frame
from service.telemetry.metrics import Metrics

RETRY_AFTER = "Retry-After"

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class FrameAnswer:
    """A frame's maps as they are sent; `lease` counts them until then."""

    media_type: str
    meta: dict[str, Any]
    body: bytes
    lease: Lease


@dataclass(frozen=True)
class FrameFailure:
    """Why a frame has no answer; `refused`: for want of time or capacity, not for what it is."""

    problem: dict[str, Any]
    refused: bool


class Frames:
    """Computes the frames of one stream; all of them can be given up at once."""

    def __init__(self, connection: HTTPConnection, engine: Engine, metrics: Metrics) -> None:
        self._connection = connection
        self._engine = engine
        self._metrics = metrics
        self._live: set[Cancellation] = set()
        self._given_up = False

    async def compute(self, frame: Frame[StreamQuery]) -> FrameAnswer | FrameFailure:
        """The answer to `frame`, or its failure: a frame that fails does not end the stream."""
        try:
            return await self._parsed(frame)
        except ServiceError as error:
            if isinstance(error, Unavailable):
                self._metrics.rejected.labels(error.slug).inc()
            return self.failure(error)
        except Exception:
            log.exception("frame_failed", frame=frame.number)
            return self.failure(internal_error())

    def failure(self, error: ServiceError) -> FrameFailure:
        """The failure of a frame: the problem that HTTP would answer, with Retry-After as a member."""
        problem = problem_body(self._connection, error)
        if RETRY_AFTER in error.headers:
            problem["retry_after"] = int(error.headers[RETRY_AFTER])
        return FrameFailure(problem, refused=isinstance(error, (Unavailable, DeadlineUnreachable)))

    def changed(self, requested: StreamQuery, changes: dict[str, Any]) -> StreamQuery:
        """`requested` with `changes`; ServiceError if the engine would not take it."""
        try:
            new = requested.changed(changes)
        except ValidationError as error:
            raise invalid_parameter(error.errors(), StreamQuery, "options") from error
        self.options(new, time.perf_counter())
        return new

    def options(self, requested: StreamQuery, arrived: float) -> Options:
        """Options of a frame that arrived at `arrived`; resolved for each frame, since models come and go."""
        options = options_of(self._engine, requested, arrived, overlay=requested.answer == "overlay")
        return replace(options, representation=requested.answer)

    def give_up(self) -> None:
        """Cancel all frames: the client has left."""
        self._given_up = True
        for cancellation in tuple(self._live):
            cancellation.cancel()

    async def _parsed(self, frame: Frame[StreamQuery]) -> FrameAnswer:
        options = self.options(frame.options, frame.arrived)
        cancellation = Cancellation()
        self._live.add(cancellation)
        try:
            if self._given_up:
                cancellation.cancel()
            self._engine.check_capacity(options)
            lease = self._engine.memory.lease(address_of(self._connection))
            lease.grow(len(frame.data))
            with self._engine.admitted():
                render = self._renderer(frame.options, lease)
                _, answer = await self._engine.parse(frame.data, options, render, cancellation, lease)
            lease.settle(len(answer.body))
            return answer
        finally:
            self._live.discard(cancellation)

    def _renderer(self, requested: StreamQuery, lease: Lease) -> Callable[[Parsed, Executor], FrameAnswer]:
        chosen, request_id = representation(requested.answer), self._connection.scope["request_id"]

        def rendered(parsed: Parsed, pool: Executor) -> FrameAnswer:
            body = chosen.render(parsed, request_id, pool)
            meta = describe(parsed, request_id, chosen.canonical)
            return FrameAnswer(
                chosen.media_type, meta.model_dump(mode="json", exclude_none=True), body, lease
            )

        return rendered
