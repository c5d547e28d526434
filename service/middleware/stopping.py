"""Graceful stop: running requests are answered, new ones refused, and readiness fails at once."""

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
    """Whether the process is stopping, and how many requests from before that still run.

    `listeners` end what would not end by itself: streams.
    """

    def __init__(self) -> None:
        self.begun = False
        self.running = 0
        self.listeners: set[Callable[[], None]] = set()

    def begin(self) -> None:
        """Begin to stop and call the listeners; to be called on the event loop, where they run."""
        self.begun = True
        for listener in tuple(self.listeners):
            listener()


class RefusedWhenStopping:
    """Counts running requests and streams; refuses new ones once the process is stopping."""

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
