"""Observation of requests: ids, a log line, the duration, and an answer where our code fails or stops."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
import uuid
from collections.abc import Callable, Iterable
from contextlib import suppress

import structlog
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import NotReady
from service.middleware.stopping import Stopping
from service.problems import internal_error, service_problem
from service.telemetry.metrics import Metrics
from service.telemetry.tracing import Served, Spans, Trace

REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
# Later versions may append fields; of version 00 these are all.
TRACEPARENT = re.compile(
    r"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})(?P<more>-.*)?"
)
SAMPLED = 1
CALL = b"pag-call"
QUIET = {"/livez", "/readyz", "/healthz", "/health", "/metrics"}
QUIET_BELOW = "/v2/health/"
# Status of a WebSocket that is open, and the code with which one ends whose server fails.
SWITCHED, FAILED = 101, 1011
# What begins an answer, and its status where it names none.
HEADS = {
    "http.response.start": 0,
    "websocket.http.response.start": 0,
    "websocket.accept": SWITCHED,
    "websocket.close": 403,
}
# Fields of a log line, and the headers of an answer with maps that hold them.
OF_MAPS: dict[str, tuple[str, Callable[[str], object]]] = {
    "model": ("pag-model", str),
    "budget_requested": ("pag-budget-requested", float),
    "budget_used": ("pag-budget-used", float),
    "budget_reason": ("pag-budget-reason", str),
}

log = structlog.get_logger(__name__)


class ObservedRequests:
    """Gives each request its id and trace, the client's own where valid; counts and logs it once."""

    def __init__(self, app: ASGIApp, metrics: Metrics, spans: Spans | None, stopping: Stopping) -> None:
        self._app = app
        self._metrics = metrics
        self._spans = spans
        self._stopping = stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        # The handshake of a WebSocket is a GET.
        scope.setdefault("method", "GET")
        scope["request_id"] = _request_id(scope)
        scope["trace"] = begin_trace(scope["headers"], sampled=self._spans is not None)
        observed = _Observed(scope, send)
        ids = {"request_id": scope["request_id"], "trace_id": scope["trace"].trace_id}
        with structlog.contextvars.bound_contextvars(**ids):
            try:
                await self._answered(observed, observed.counted(receive))
            finally:
                self._record(observed)

    async def _answered(self, observed: _Observed, receive: Receive) -> None:
        scope = observed.scope
        try:
            await self._app(scope, receive, observed.send)
        except asyncio.CancelledError:
            # The time for running requests is up: the request is answered, and the cancellation ends here.
            if observed.status or not self._stopping.begun:
                raise
            error = NotReady("The server stopped before this request was answered.", retry_after=1)
            await service_problem(HTTPConnection(scope), error)(scope, receive, observed.send)
        except Exception:
            log.exception("request_failed", path=scope["path"])
            if observed.status:
                await observed.give_up()
                raise
            await service_problem(HTTPConnection(scope), internal_error())(scope, receive, observed.send)

    def _record(self, observed: _Observed) -> None:
        scope, status, seconds = observed.scope, observed.status, time.perf_counter() - observed.begun
        route = getattr(scope.get("route"), "path", "unmatched")
        quiet = is_quiet(scope["path"])
        if self._spans is not None and scope["trace"].sampled and not quiet:
            self._spans.record(observed.served(seconds))
        if status == SWITCHED:
            # A stream counts its frames and logs a line of its own.
            return
        # The method is text of the client: it is a label only where a route has it.
        method = scope["method"] if route != "unmatched" else "any"
        self._metrics.request_seconds.labels(method, route, str(status)).observe(seconds)
        level = log.debug if quiet else log.info
        facts = {"method": scope["method"], "path": scope["path"], "status": status}
        level("request", **facts, milliseconds=round(1000 * seconds, 1), **observed.measured())


class _Observed:
    """One request as it is answered; adds its ids to the head of the answer."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.scope = scope
        self.status = 0
        self.begun = time.perf_counter()
        self._answered = self.begun
        self._headers: list[tuple[bytes, bytes]] = []
        self._bytes_in = self._bytes_out = 0
        self._send = send

    def counted(self, receive: Receive) -> Receive:
        """ASGI receive that counts the bytes of the body."""

        async def counting() -> Message:
            message = await receive()
            self._bytes_in += len(message.get("body", b""))
            return message

        return counting

    async def send(self, message: Message) -> None:
        """ASGI send."""
        if message["type"] in HEADS and not self.status:
            self.status = message.get("status", HEADS[message["type"]])
            self._answered = time.perf_counter()
            self._headers = message["headers"] = [
                *message.get("headers", ()),
                (b"x-request-id", self.scope["request_id"].encode()),
                (b"traceparent", traceparent_of(self.scope["trace"])),
                # Given back as it came: a client knows its own answers by it, whatever proxies make of ids.
                *((CALL, value) for name, value in self.scope["headers"] if name == CALL),
            ]
        await self._send(message)
        self._bytes_out += len(message.get("body", b""))

    def measured(self) -> dict[str, object]:
        """Who asked, bytes of the bodies, and of an answer with maps its model and budget."""
        client = self.scope.get("client")
        named = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in self._headers}
        return {
            "client": client[0] if client else None,
            "bytes_in": self._bytes_in,
            "bytes_out": self._bytes_out,
            **{field: read(named[header]) for field, (header, read) in OF_MAPS.items() if header in named},
        }

    async def give_up(self) -> None:
        """Close a stream as failed; the answer to a request can only break off."""
        if self.status == SWITCHED:
            with suppress(Exception):
                await self._send({"type": "websocket.close", "code": FAILED})

    def served(self, seconds: float) -> Served:
        """The facts of which spans are made."""
        ended = time.time_ns()
        begun = ended - round(seconds * 1e9)
        answered = begun + round((self._answered - self.begun) * 1e9)
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in self._headers}
        return Served(self.scope, self.scope["trace"], self.status, begun, ended, answered, headers)


def is_quiet(path: str) -> bool:
    """Whether machines ask for `path` every few seconds: health and metrics."""
    return path in QUIET or path.startswith(QUIET_BELOW)


def _request_id(scope: Scope) -> str:
    given = dict(scope["headers"]).get(b"x-request-id", b"")
    return given.decode() if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex


def begin_trace(headers: Iterable[tuple[bytes, bytes]], *, sampled: bool) -> Trace:
    """The trace that a valid `traceparent` names, else a new one; our span is new in both."""
    given = [value.decode("latin-1") for name, value in headers if name == b"traceparent"]
    match = TRACEPARENT.fullmatch(given[0].strip()) if len(given) == 1 else None
    if match is None or not _valid(match):
        return Trace(_identifier(16), _identifier(8), None, sampled)
    flags = int(match["flags"], 16)
    return Trace(match["trace"], _identifier(8), match["span"], bool(flags & SAMPLED))


def traceparent_of(trace: Trace) -> bytes:
    """The header that names our span as the parent of what follows."""
    return f"00-{trace.trace_id}-{trace.span_id}-{trace.sampled:02x}".encode()


def _valid(match: re.Match[str]) -> bool:
    unknown = match["version"] == "ff" or (match["version"] == "00" and match["more"] is not None)
    return not unknown and int(match["trace"], 16) != 0 and int(match["span"], 16) != 0


def _identifier(size: int) -> str:
    # All zeros is no identifier.
    while not any(identifier := secrets.token_bytes(size)):
        continue
    return identifier.hex()
