"""Around every request: its id, its log line, its duration, and an answer where our code fails."""

from __future__ import annotations

import re
import time
import uuid

import structlog
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.metrics import Metrics
from service.problems import internal_problem

GIVEN_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
QUIET = {"/livez", "/readyz", "/healthz", "/health", "/metrics"}

log = structlog.get_logger(__name__)


class ObservedRequests:
    """Takes over a well-formed X-Request-ID or makes one; counts and logs each request once."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["request_id"] = request_id = _request_id(scope)
        start = time.perf_counter()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, send_with_id)
            except Exception:
                log.exception("request_failed", path=scope["path"])
                if status:
                    raise
                await internal_problem(Request(scope))(scope, receive, send_with_id)
            finally:
                self._record(scope, status, time.perf_counter() - start)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "unmatched")
        # Methods are the client's words too: count only those that have a route.
        method = scope["method"] if route != "unmatched" else "any"
        self._metrics.request_seconds.labels(method, route, str(status)).observe(seconds)
        level = log.debug if scope["path"] in QUIET else log.info
        milliseconds = round(1000 * seconds, 1)
        level("request", method=scope["method"], path=scope["path"], status=status, milliseconds=milliseconds)


def _request_id(scope: Scope) -> str:
    given = dict(scope["headers"]).get(b"x-request-id", b"")
    return given.decode() if GIVEN_ID.fullmatch(given) else uuid.uuid4().hex
