"""Requests that no route takes: 404 and 405 as problems that name the route or the method to use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fastapi import APIRouter, FastAPI
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send

from service.errors import MethodNotAllowed, NoSuchRoute
from service.problems import service_problem
from service.wording import nearest


def install(app: FastAPI, routers: Sequence[APIRouter]) -> None:
    """Refuse what no route takes, neither of `app` itself nor of the `routers` that it includes."""
    routes = [*app.routes, *(route for router in routers for route in router.routes)]

    async def no_route(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        raise NoSuchRoute(path, _meant(path, list(_paths(routes, scope["type"]))))

    async def no_method(request: HTTPConnection, error: Exception) -> Response:
        scope = request.scope
        return service_problem(request, MethodNotAllowed(scope["method"], _allowed(routes, scope)))

    app.router.default = no_route
    app.add_exception_handler(405, no_method)


def _paths(routes: Sequence[BaseRoute], kind: str) -> Iterator[str]:
    """The paths of the routes for requests of `kind`, http or websocket."""
    for route in routes:
        if isinstance(route, WebSocketRoute if kind == "websocket" else Route):
            yield route.path


def _meant(path: str, known: list[str]) -> str | None:
    """The path of a route that `path` misspells."""
    shorter = path.rstrip("/")
    return shorter if shorter in known else nearest(path, known)


def _allowed(routes: Sequence[BaseRoute], scope: Scope) -> list[str]:
    """The methods of the routes at the path of `scope`."""
    found: set[str] = set()
    for route in routes:
        if isinstance(route, Route) and route.matches(scope)[0] is Match.PARTIAL:
            found |= route.methods or set()
    # Files below a mount.
    found = found or {"GET"}
    return sorted(found | ({"HEAD"} if "GET" in found else set()))
