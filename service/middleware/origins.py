"""Pages of other origins: none may call this server unless the settings name their origin."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from service.errors import ForeignOrigin, StartupError
from service.settings import Settings

ORIGIN = re.compile(r"\*|[a-z][a-z0-9+.-]*://[^\s/?#]+")
PORTS = {"http": 80, "https": 443}
EXPOSED = (
    "Inference-Header-Content-Length",
    "PAG-Budget-Reason",
    "PAG-Budget-Requested",
    "PAG-Budget-Used",
    "PAG-Maps",
    "PAG-Model",
    "PAG-Model-Version",
    "PAG-Multiply-Adds",
    "PAG-Scale",
    "PAG-Share",
    "Retry-After",
    "Server-Timing",
    "traceparent",
    "X-Request-ID",
)


def origins_of(settings: Settings) -> tuple[str, ...]:
    """The origins of the settings; StartupError for what no browser would send as one."""
    origins = tuple(origin for part in settings.cors_origins.split(",") if (origin := part.strip()))
    for origin in origins:
        if not ORIGIN.fullmatch(origin):
            raise StartupError(
                f"PAG_CORS_ORIGINS: {origin!r} is no origin; write it as https://example.org, "
                "without a path or a slash at its end"
            )
    return origins


def refuse_foreign(headers: Mapping[str, str], origins: tuple[str, ...]) -> None:
    """ForeignOrigin for a page that is neither of this host nor of `origins`.

    Browsers open WebSockets to any host and leave the question to it.
    """
    origin = headers.get("origin")
    if origin is None or origin in origins or "*" in origins:
        return
    scheme, _, authority = origin.partition("://")
    page, host = _place(authority, scheme), _place(headers.get("host", ""), scheme)
    if page is None or page != host:
        raise ForeignOrigin(origin)


def _place(authority: str, scheme: str) -> tuple[str, int | None] | None:
    """Host and port, None for what is neither."""
    try:
        parts = urlsplit(f"//{authority}")
        port = parts.port or PORTS.get(scheme)
    except ValueError:
        return None
    return (parts.hostname, port) if parts.hostname else None


def install(app: FastAPI, origins: tuple[str, ...]) -> None:
    """Let pages of `origins` call `app` and read the headers of its answers."""
    app.add_middleware(
        CORSMiddleware,
        allow_origins=origins,
        allow_methods=("GET", "POST"),
        # Keys come in headers that a page must set itself, never in cookies: any header is safe.
        allow_headers=("*",),
        expose_headers=EXPOSED,
    )
