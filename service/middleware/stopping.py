"""Told to stop: what runs is answered, what comes is refused, and readiness says so at once."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from service.errors import NotReady
from service.problems import service_problem
from service.schemas.health import Readiness
from service.telemetry.metrics import Metrics

# Alive is not ready: a check of liveness must not have a server killed that still answers.
ANSWERED = {"/livez", "/metrics", "/v2/health/live"}
READINESS = {"/readyz", "/healthz", "/health"}
CLOSE = {"Connection": "close"}


class Stopping:
    """Whether the process has been told to stop, and how many requests from before that still run.

    `listeners` are what would not end by itself.
    """

    def __init__(self) -> None:
        self.begun = False
        self.running = 0
        self.listeners: set[Callable[[], None]] = set()

    def begin(self) -> None:
        """Tell the listeners to end; on the event loop, where they run."""
        self.begun = True
        for listener in tuple(self.listeners):
            listener()


class RefusedWhenStopping:
    """Counts what runs, streams too; refuses new requests once the process is told to stop."""

    def __init__(self, app: ASGIApp, stopping: Stopping, metrics: Metrics) -> None:
        self._app = app
        self._stopping = stopping
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry."""
        if scope["type"] == "lifespan" or (self._stopping.begun and scope["path"] in ANSWERED):
            await self._app(scope, receive, send)
        elif self._stopping.begun:
            await self._refusal(scope)(scope, receive, send)
        else:
            self._stopping.running += 1
            try:
                await self._app(scope, receive, send)
            finally:
                self._stopping.running -= 1

    def _refusal(self, scope: Scope) -> Response:
        if scope["path"] in READINESS:
            return JSONResponse(Readiness(status="stopping", models=[]).model_dump(), 503, CLOSE)
        error = NotReady("The server is stopping.", retry_after=1)
        error.headers |= CLOSE
        self._metrics.rejected.labels(error.slug).inc()
        return service_problem(HTTPConnection(scope), error)
