"""POST /parse: one photograph in, its dense maps out, at the budget asked for."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from service.engine.engine import Engine
from service.engine.job import Cancellation, Options, Parsed, Render
from service.errors import NotAcceptable
from service.problems import documented
from service.routes.accept import choose
from service.routes.answers import JSON, NPZ, PNG, RENDERERS, ZIP, headers_of, render_overlay
from service.routes.asked import options_of
from service.routes.body import FIELD, FORM, read_image
from service.routes.disconnect import cancelled_on_disconnect
from service.routes.query import refuse_repeated
from service.schemas.parse import ParseMeta, ParseQuery
from service.settings import Settings

Renderer = Callable[[Parsed, str, Executor], bytes]
BINARY = {"schema": {"type": "string", "format": "binary"}}
IMAGE_TYPES = ("image/jpeg", "image/png", "image/webp", "image/bmp", "image/tiff", "image/gif")
REQUEST_BODY = {
    "required": True,
    "description": "The photograph. Its format is known by its first bytes, not by the Content-Type.",
    "content": {
        **dict.fromkeys((*IMAGE_TYPES, "application/octet-stream"), BINARY),
        FORM: {
            "schema": {"type": "object", "required": [FIELD], "properties": {FIELD: BINARY["schema"]}},
        },
    },
}
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "model": ParseMeta,
        "description": "The maps, as the Accept header chooses.",
        "content": dict.fromkeys((ZIP, NPZ, PNG), BINARY),
    },
    **documented(400, 401, 404, 406, 408, 413, 415, 422, 429, 500, 503, 504),
}


def answers() -> dict[str, Render]:
    """Every kind of answer that holds all maps, by the name of its costs."""
    kinds = {media_type: render for media_type, render in RENDERERS.items() if media_type != PNG}
    return {media_type + "maps": _without_request(render) for media_type, render in kinds.items()}


def _without_request(render: Renderer) -> Render:
    return lambda parsed, pool: render(parsed, "", pool)


def build_router(engine: Engine, settings: Settings) -> APIRouter:
    """The route, bound to its engine."""
    router = APIRouter(tags=["parse"])

    @router.post("/parse", responses=ANSWERS, openapi_extra={"requestBody": REQUEST_BODY})
    async def parse(request: Request, query: Annotated[ParseQuery, Query()]) -> Response:
        """The dense maps of a photograph: those of the model, or those that `maps` names."""
        arrived = time.perf_counter()
        refuse_repeated(request)
        options = options_of(engine, query, arrived, overlay=query.output == "overlay")
        media_type, render = _representation(request, query, options)
        options = replace(options, representation=media_type + query.output)
        request_id = request.scope["request_id"]
        with engine.admitted(options):
            data = await read_image(request, settings.max_body_bytes, settings.body_timeout_seconds)
            cancellation = Cancellation()
            async with cancelled_on_disconnect(request, cancellation):
                parsed, body = await engine.parse(
                    data, options, lambda done, pool: render(done, request_id, pool), cancellation
                )
        headers = headers_of(parsed, canonical=media_type == NPZ) | {"Vary": "Accept"}
        return Response(body, headers=headers, media_type=media_type)

    return router


def _representation(request: Request, query: ParseQuery, options: Options) -> tuple[str, Renderer]:
    accept = ", ".join(request.headers.getlist("accept"))
    overlay = query.output == "overlay"
    single = [PNG] if len(options.maps) == 1 else []
    available = [PNG] if overlay else [JSON, ZIP, NPZ, *single]
    chosen = choose(accept, available)
    if chosen is None:
        raise NotAcceptable(accept, available, _hint(overlay, options))
    return chosen, render_overlay if overlay else RENDERERS[chosen]


def _hint(overlay: bool, options: Options) -> str:
    if overlay:
        return "Leave out output=overlay for the maps themselves."
    if len(options.maps) > 1:
        return f"{PNG} holds one map: ask for maps={options.maps[0]}, say, or for output=overlay."
    return ""
