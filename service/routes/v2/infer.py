"""POST …/infer: each image of the request through the engine on its own, a few at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from service.engine.engine import Engine
from service.engine.job import DEFAULT_PRIORITY, Options, Parsed
from service.engine.memory import Lease
from service.engine.models import ModelSession
from service.errors import InvalidParameter
from service.model_folder.manifest import ModelManifest
from service.routes.representations import headers_of
from service.routes.request import address_of, read_body
from service.routes.v2.batch import parse_all
from service.routes.v2.message import HEADER_LENGTH, InferMessage, read_message
from service.routes.v2.outputs import check_json_size, render, respond
from service.routes.v2.tensors import Source, sizes_of, sources_of
from service.schemas.v2 import AnswerParameters, InferRequest, InferResponse
from service.settings import Settings
from service.wording import SHOWN_CHARACTERS


async def infer(
    request: Request, session: ModelSession, engine: Engine, settings: Settings, parsing: asyncio.Lock
) -> Response:
    """Answer a request for the model of `session`; who holds `parsing` may parse JSON."""
    arrived = time.perf_counter()
    engine.check_capacity()
    lease = engine.memory.lease(address_of(request))
    message = await _receive(request, settings, lease, parsing)
    with engine.admitted():
        options = _options(engine, session, message.request, arrived)
        binary = _forms(message.request, options)
        sources = await asyncio.to_thread(_checked_sources, message, options, binary, settings)
        answers = await parse_all(
            request, engine, sources, options, lambda done: render(done, binary), settings, lease
        )
    parsed, images = zip(*answers, strict=True)
    least = min(parsed, key=lambda each: each.point.used_budget)
    headers = headers_of(least, canonical=True)
    response = _response(message.request, parsed, least)
    return respond(response, least.manifest, images, binary, headers, lease)


async def _receive(request: Request, settings: Settings, lease: Lease, parsing: asyncio.Lock) -> InferMessage:
    body = await read_body(request, settings.max_body_bytes, settings.body_timeout_seconds, lease)
    # Parsing numbers takes a while: one after the other, so that the event loop has its turn in between.
    async with parsing:
        return await asyncio.to_thread(read_message, body, request.headers.get(HEADER_LENGTH))


def _options(engine: Engine, session: ModelSession, request: InferRequest, arrived: float) -> Options:
    wanted, seconds = request.parameters, request.parameters.seconds
    names = [output.name for output in request.outputs]
    if len(set(names)) < len(names):
        raise InvalidParameter("An output is requested twice.")
    _check_named(session.manifest, request)
    options = engine.resolve(
        session.manifest.name,
        names or None,
        wanted.budget,
        wanted.size,
        min_budget=wanted.min_budget,
        deadline=None if seconds is None else arrived + seconds,
        priority=wanted.priority or DEFAULT_PRIORITY,
        representation="v2",
    )
    # The version that the path named, also where another has been loaded since.
    return replace(options, session=session)


def _check_named(manifest: ModelManifest, request: InferRequest) -> None:
    """Raise InvalidParameter where the body names another model or version than the path."""
    named = {"model_name": manifest.name, "model_version": manifest.version}
    for member, here in named.items():
        stated = getattr(request, member)
        if stated not in (None, here):
            raise InvalidParameter(
                f"{member} is {stated[:SHOWN_CHARACTERS]!r}, and the path names {here!r}: leave {member} out."
            )


def _forms(request: InferRequest, options: Options) -> dict[str, bool]:
    """Whether each output is binary, in the order of the answer."""
    requested = {output.name: output.parameters.binary_data for output in request.outputs}
    default = request.parameters.binary_data_output
    stated = {name: requested.get(name) for name in options.maps}
    return {name: default if binary is None else binary for name, binary in stated.items()}


def _checked_sources(
    message: InferMessage, options: Options, binary: dict[str, bool], settings: Settings
) -> Sequence[Source]:
    """Images that can be answered in one tensor of bounded size, found out before any is decoded."""
    sources = sources_of(message, settings)
    sizes = sizes_of(sources, settings)
    pixels = [height * width for height, width in sizes]
    if options.size == "input":
        _check_sizes(sizes, sum(pixels), settings)
    else:
        pixels = [min(count, options.session.manifest.input.working_pixels) for count in pixels]
    check_json_size(options.session.manifest, sum(pixels), binary)
    return sources


def _check_sizes(sizes: Sequence[tuple[int, int]], pixels: int, settings: Settings) -> None:
    if len(set(sizes)) > 1:
        raise InvalidParameter(
            "The images differ in size, and so would their maps: send them one by one, or with size=model if "
            "they are of one shape."
        )
    if pixels > settings.max_pixels:
        raise InvalidParameter(
            f"The maps would have {pixels} pixels together; at most {settings.max_pixels} are made: send "
            "fewer images at a time, or size=model."
        )


def _response(request: InferRequest, parsed: Sequence[Parsed], least: Parsed) -> InferResponse:
    used = ",".join(repr(each.point.used_budget) for each in parsed) if len(parsed) > 1 else None
    point = least.point
    return InferResponse(
        model_name=least.manifest.name,
        model_version=least.manifest.version,
        id=request.id,
        parameters=AnswerParameters(
            budget_requested=point.requested_budget,
            budget_used=point.used_budget,
            budget_reason=point.reason,
            share=round(point.share, 6),
            scale=point.scale,
            budgets_used=used,
        ),
        outputs=[],
    )
