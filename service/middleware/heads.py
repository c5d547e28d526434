"""Limits on the parts of a head: whoever reads many tiny ones holds up all others meanwhile."""

from __future__ import annotations

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from service.errors import FieldTooLong, ServiceError, TargetTooLong
from service.problems import service_problem

MAX_TARGET_BYTES = 4096
# Segments of a path, and parameters of a query: no route has ten of either.
MAX_PARTS = 64
MAX_FIELD_BYTES = 2048
# Those that are taken apart; others are compared, handed on or ignored as a whole.
PARSED_FIELDS = {
    b"accept",
    b"access-control-request-headers",
    b"content-type",
    b"host",
    b"if-none-match",
    b"origin",
    b"range",
    b"traceparent",
    b"x-forwarded-prefix",
    b"x-forwarded-proto",
}


class BoundedHeads:
    """Refuses a target or a field that has more parts, or is longer, than any that this server knows."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry."""
        if scope["type"] != "lifespan":
            try:
                _check(scope)
            except ServiceError as error:
                await service_problem(HTTPConnection(scope), error)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _check(scope: Scope) -> None:
    path, query = scope.get("raw_path") or scope["path"].encode(), scope["query_string"]
    if len(path) + len(query) > MAX_TARGET_BYTES:
        raise TargetTooLong(f"{MAX_TARGET_BYTES} bytes")
    # The path is counted as it is after decoding: a slash may come as %2F.
    if scope["path"].count("/") > MAX_PARTS:
        raise TargetTooLong(f"{MAX_PARTS} segments of a path")
    if query.count(b"&") >= MAX_PARTS:
        raise TargetTooLong(f"{MAX_PARTS} parameters")
    lengths = dict.fromkeys(PARSED_FIELDS, 0)
    for name, value in scope["headers"]:
        if name in lengths:
            # Fields of one name are read as one (RFC 9110, 5.2).
            lengths[name] += len(value) + 1
            if lengths[name] > MAX_FIELD_BYTES:
                raise FieldTooLong(name.decode(), MAX_FIELD_BYTES)
