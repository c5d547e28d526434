"""API keys: a request without one of them is refused before its body is read."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from service.errors import StartupError, Unauthorized, WrongKey
from service.problems import refusal, service_problem
from service.settings import Settings, listed

METRICS, DOCS = "/metrics", ("/openapi.json", "/docs")
OPEN_PATHS = {"/", "/livez", "/readyz", "/healthz", "/health", METRICS, *DOCS}
OPEN_BELOW = ("/v2/health/", "/docs/", "/page/")
# Before a key in base64url without padding, as one of a WebSocket's subprotocols.
KEY_PROTOCOL = "key."
SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}


class ApiKeys:
    """Lets through requests that carry a key, and those for open paths that are not `closed`."""

    def __init__(self, app: ASGIApp, keys: tuple[str, ...], closed: tuple[str, ...] = ()) -> None:
        self._app = app
        self._closed = closed
        self._digests = [_digest(key.encode()) for key in keys]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry."""
        if scope["type"] == "lifespan" or is_open(scope["path"], self._closed) or self._has_key(scope):
            await self._app(scope, receive, send)
            return
        error = WrongKey() if _keys_in(scope) else Unauthorized()
        await service_problem(HTTPConnection(scope), error)(scope, receive, send)

    def _has_key(self, scope: Scope) -> bool:
        # Each given key is compared with each of ours, whatever the outcome, so the time discloses neither.
        matches = [
            hmac.compare_digest(_digest(given), digest)
            for given in _keys_in(scope)
            for digest in self._digests
        ]
        return any(matches)


def keys_of(settings: Settings) -> tuple[str, ...]:
    """The keys of the settings; StartupError if the setting holds none."""
    text = settings.api_keys.get_secret_value()
    keys = listed(text)
    if text and not keys:
        raise StartupError("PAG_API_KEYS is set but holds no key: name at least one, or unset it")
    if not text.isascii():
        raise StartupError("PAG_API_KEYS holds characters that no header can carry: use ASCII alone")
    return keys


def closed_by(settings: Settings) -> tuple[str, ...]:
    """The paths that the settings close to those without a key, among those that are else open."""
    metrics = () if settings.open_metrics else (METRICS,)
    return metrics if settings.open_docs else (*metrics, *DOCS)


def is_open(path: str, closed: tuple[str, ...] = ()) -> bool:
    """Whether a path needs no key: health, the page and, unless `closed`, metrics and documentation."""
    if any(path == each or path.startswith(f"{each}/") for each in closed):
        return False
    return path in OPEN_PATHS or path.startswith(OPEN_BELOW)


def describe(document: dict[str, Any], closed: tuple[str, ...] = (), *, asked: bool = True) -> None:
    """Say in an OpenAPI document which operations refuse a request without a key; `asked`: there are keys."""
    if asked:
        document["components"]["securitySchemes"] = SCHEMES
    for path, operations in document["paths"].items():
        if not is_open(path, closed):
            for operation in operations.values():
                operation["responses"]["401"] = refusal(path, 401)
                if asked:
                    operation["security"] = [{name: []} for name in SCHEMES]


def _keys_in(scope: Scope) -> list[bytes]:
    """The keys that a request carries, right or wrong; an empty one is none."""
    keys = [*_given_keys(scope["headers"]), *_offered_keys(scope.get("subprotocols", ()))]
    return [key for key in keys if key]


def _given_keys(headers: Iterable[tuple[bytes, bytes]]) -> list[bytes]:
    keys = []
    for name, value in headers:
        if name == b"x-api-key":
            keys.append(value.strip())
        elif name == b"authorization" and value[:7].lower() == b"bearer ":
            keys.append(value[7:].strip())
    return keys


def _offered_keys(subprotocols: Iterable[str]) -> list[bytes]:
    """Keys among the subprotocols of a WebSocket: a page can set none of its headers."""
    texts = [offered[len(KEY_PROTOCOL) :] for offered in subprotocols if offered.startswith(KEY_PROTOCOL)]
    keys = []
    for text in texts:
        with suppress(ValueError):
            keys.append(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return keys


def _digest(key: bytes) -> bytes:
    # Digests are of equal length, so comparing them does not disclose a key's length.
    return hashlib.sha256(key).digest()
