"""The path below which a proxy shows this server, for the links of the documentation."""

from __future__ import annotations

import re

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

HEADER = "x-forwarded-prefix"
PREFIX = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")


class ForwardedPrefix:
    """Takes X-Forwarded-Prefix as the root path of a request; the proxy has cut it off the path.

    Whoever sends the header without a proxy gets other links in an answer to themselves, and nothing else.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry."""
        if scope["type"] != "lifespan":
            prefix = HTTPConnection(scope).headers.get(HEADER, "").rstrip("/")
            if PREFIX.fullmatch(prefix):
                scope = {**scope, "root_path": prefix, "path": prefix + scope["path"]}
        await self._app(scope, receive, send)
