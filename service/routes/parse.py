"""POST /parse: one photograph in, its dense maps out, at the requested budget."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from service.engine.engine import Engine
from service.engine.job import Cancellation, Options
from service.errors import NotAcceptable
from service.problems import documented
from service.routes.delivery import PieceResponse
from service.routes.forms import FIELD, FORM, is_form, with_fields
from service.routes.representations import HEADERS, JSON, PNG, REPRESENTATIONS, Representation, headers_of
from service.routes.request import (
    address_of,
    cancelled_on_disconnect,
    choose,
    explaining_curl,
    options_of,
    read_image,
    refuse_repeated,
)
from service.schemas.parse import ParseMeta, ParseQuery
from service.settings import Settings

BINARY = {"schema": {"type": "string", "format": "binary"}}
IMAGE_TYPES = ("image/jpeg", "image/png", "image/webp", "image/bmp", "image/tiff", "image/gif")
REQUEST_BODY = {
    "required": True,
    "description": "The photograph. Its format is known by its first bytes, not by the Content-Type. "
    "In a form it is the field file, or image, and further fields are parameters as in the query.",
    "content": {
        **dict.fromkeys((*IMAGE_TYPES, "application/octet-stream"), BINARY),
        FORM: {
            "schema": {
                "type": "object",
                "required": [FIELD],
                "additionalProperties": False,
                "properties": {FIELD: BINARY["schema"], **ParseQuery.model_json_schema()["properties"]},
            },
        },
    },
}
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "model": ParseMeta,
        "description": "The maps, as the Accept header chooses.",
        "headers": {
            name: {"description": text, "schema": {"type": "string"}} for name, text in HEADERS.items()
        },
        "content": {each.media_type: BINARY for each in REPRESENTATIONS if each.media_type != JSON},
    },
    **documented(400, 404, 406, 408, 413, 415, 429, 500, 503, 504),
}


def build_router(engine: Engine, settings: Settings) -> APIRouter:
    """The route, bound to its engine."""
    router = APIRouter(tags=["parse"])

    def prepared(request: Request, query: ParseQuery, arrived: float) -> tuple[Options, Representation]:
        options = options_of(engine, query, arrived, overlay=query.output == "overlay")
        chosen = _chosen(request, options, query.output)
        return replace(options, representation=chosen.name), chosen

    @router.post("/parse", responses=ANSWERS, openapi_extra={"requestBody": REQUEST_BODY})
    async def parse(request: Request, query: Annotated[ParseQuery, Query()]) -> Response:
        """The dense maps of a photograph: those of the model, or those that `maps` names."""
        arrived = time.perf_counter()
        refuse_repeated(request)
        # The options of a form may stand beside its file.
        known = None if is_form(request) else prepared(request, query, arrived)
        engine.check_capacity(known and known[0])
        lease, cancellation = engine.memory.lease(address_of(request)), Cancellation()
        upload = await read_image(request, settings.max_body_bytes, settings.body_timeout_seconds, lease)
        options, chosen = known or prepared(request, with_fields(query, upload.fields), arrived)
        render = chosen.renderer(request.scope["request_id"])
        with engine.admitted(), explaining_curl(request):
            async with cancelled_on_disconnect(request, cancellation):
                parsed, body = await engine.parse(upload.data, options, render, cancellation, lease)
        headers = headers_of(parsed, chosen.canonical) | {"Vary": "Accept"}
        return PieceResponse((body,), headers, chosen.media_type, lease)

    return router


def _chosen(request: Request, options: Options, output: str) -> Representation:
    """The representation that the client likes best of those that can hold its answer."""
    accept = ", ".join(request.headers.getlist("accept"))
    available = {each.media_type: each for each in REPRESENTATIONS if _fits(each, options, output)}
    chosen = choose(accept, list(available))
    if chosen is None:
        raise NotAcceptable(accept, list(available), _hint(options, accept, output))
    return available[chosen]


def _fits(each: Representation, options: Options, output: str) -> bool:
    if output != "maps":
        return each.content == output
    return each.content == "maps" or (each.content == "one map" and len(options.maps) == 1)


def _hint(options: Options, accept: str, output: str) -> str:
    if output != "maps":
        return f"Leave out output={output} for the maps themselves."
    if len(options.maps) > 1 and choose(accept, [PNG]):
        return f"image/png holds one map: request maps={options.maps[0]}, say, or output=overlay."
    return ""
