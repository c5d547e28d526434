"""Who may call: requests for the server's names, and pages of its own origin or of those in the settings."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from service.errors import ForeignHost, ForeignOrigin, ServiceError, StartupError
from service.middleware.observation import is_quiet
from service.problems import service_problem
from service.settings import Settings, listed

ORIGIN = re.compile(r"\*|[a-z][a-z0-9+.-]*://[^\s/?#@]+")
AUTHORITY = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^\s/?#@:\[\]]+)(?::(\d{1,5}))?")
PORTS = {"http": 80, "https": 443}
ANY = "*"
# What a browser says of its own accord, and no page can make it say otherwise.
OWN = "same-origin"
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
    origins = listed(settings.cors_origins)
    for origin in origins:
        if not ORIGIN.fullmatch(origin):
            raise StartupError(
                f"PAG_CORS_ORIGINS: {origin!r} is no origin; write it as https://example.org, "
                "without a path or a slash at its end"
            )
    return origins


def hosts_of(settings: Settings) -> tuple[str, ...]:
    """The names of this server in the settings, in lower case; StartupError for what is no host.

    Where none are set, a server that listens to this machine alone has the loopback's names: a page whose
    name was made to point here would else be of the server's own origin.
    """
    hosts = tuple(host.lower() for host in listed(settings.hosts))
    for host in hosts:
        if host != ANY and (AUTHORITY.fullmatch(host) is None or host.rpartition(":")[2].isdecimal()):
            raise StartupError(f"PAG_HOSTS: {host!r} is no host; write it as example.org, without a port")
    return hosts or (("localhost",) if is_loopback(settings.host) else (ANY,))


class OwnCallers:
    """Refuses requests for a foreign Host, and those of a foreign Origin, before their bodies are read.

    Browsers let every page send simple requests, and open WebSockets, to any host; only the answer is kept
    from it. Programs send no Origin.
    """

    def __init__(self, app: ASGIApp, hosts: tuple[str, ...], origins: tuple[str, ...]) -> None:
        self._app = app
        self._hosts = hosts
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry."""
        if scope["type"] != "lifespan":
            connection = HTTPConnection(scope)
            try:
                # Only programs reach a Unix socket, and probes and scrapers name addresses of their own.
                any_host = (scope.get("server") or ("", 0))[1] is None or is_quiet(scope["path"])
                self._check(connection.headers, any_host=any_host)
            except ServiceError as error:
                await service_problem(connection, error)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _check(self, headers: Mapping[str, str], *, any_host: bool) -> None:
        host = headers.get("host", "")
        if ANY not in self._hosts and not any_host:
            place = _place(host, "http")
            if place is None or not (
                place[0] in self._hosts or ("localhost" in self._hosts and is_loopback(place[0]))
            ):
                raise ForeignHost(host)
        origin = headers.get("origin")
        if origin is None or origin in self._origins or ANY in self._origins:
            return
        if not _is_own(origin, host, headers):
            raise ForeignOrigin(origin)


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


def _is_own(origin: str, host: str, headers: Mapping[str, str]) -> bool:
    scheme, _, authority = origin.partition("://")
    if scheme not in ("http", "https"):
        return False
    # A proxy in front may say by which scheme it was asked, and may drop the port of Host.
    if headers.get("x-forwarded-proto", scheme).partition(",")[0].strip() != scheme:
        return False
    if headers.get("sec-fetch-site") == OWN:
        return True
    page, here = _place(authority, scheme), _place(host, scheme)
    return page is not None and page == here


def _place(authority: str, scheme: str) -> tuple[str, int] | None:
    """Host in lower case, without brackets, and port; None for what is neither, or has user info."""
    found = AUTHORITY.fullmatch(authority)
    if found is None:
        return None
    return found[1].strip("[]").lower(), int(found[2] or PORTS[scheme])


def is_loopback(host: str) -> bool:
    """Whether a name or address, in brackets or not, is this machine's own."""
    name = host.strip("[]").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
