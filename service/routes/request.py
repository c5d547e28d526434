"""Reading a request: its options, its Accept header, its body, and the departure of its client."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from typing import TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.types import Message, Receive

from service.engine.engine import Engine
from service.engine.job import Cancellation, Options
from service.engine.memory import Lease
from service.errors import (
    BodyTooLarge,
    EmptyBody,
    InvalidParameter,
    NothingToPaint,
    RequestTimeout,
    UndecodableImage,
    UnsupportedImage,
)
from service.model_folder.manifest import ModelManifest
from service.routes.forms import FIELD, Upload, is_form, read_form
from service.schemas.parse import RequestOptions

T = TypeVar("T")
URL_ENCODED = "application/x-www-form-urlencoded"
CURL_FIX = (
    "If curl sent it: -d sends the name of the file, and -d @ drops its line ends; "
    "write --data-binary @photo.jpg."
)
_PLACES = (
    "options of a photograph stand in the query of POST /parse and GET /stream, below /v2 in the member "
    "parameters of the body. Leave it out here."
)


def address_of(connection: HTTPConnection) -> str | None:
    """Address of the client, behind a trusted proxy the forwarded one; None on a Unix socket."""
    return connection.client.host if connection.client else None


def refuse_repeated(request: HTTPConnection) -> None:
    """InvalidParameter if a parameter is given twice: which one counts, no two servers agree on."""
    counts = Counter(name for name, _ in request.query_params.multi_items())
    for name, count in counts.items():
        if count > 1:
            raise InvalidParameter(f"The parameter {name!r} is given {count} times; give it once.")


async def refuse_query(request: HTTPConnection) -> None:
    """InvalidParameter if there is a query at a route that has no parameters: it would be ignored."""
    for name in request.query_params:
        raise InvalidParameter(
            f"{name!r} is no parameter of this route, which has none in its query: {_PLACES}"
        )


def options_of(engine: Engine, requested: RequestOptions, arrived: float, *, overlay: bool) -> Options:
    """Options of an image that arrived at `arrived`; `overlay` paints labels over the photograph."""
    maps = None if requested.maps is None else [name.strip() for name in requested.maps.split(",")]
    if overlay:
        painted = _painted(engine.registry.get(requested.model).manifest)
        if maps not in (None, [painted]):
            raise InvalidParameter(f"An overlay shows {painted} alone: leave maps out, or maps={painted}.")
        maps = [painted]
    return engine.resolve(
        requested.model,
        maps,
        requested.budget,
        requested.size,
        photograph=overlay,
        min_budget=requested.min_budget,
        deadline=None if requested.deadline_ms is None else arrived + requested.deadline_ms / 1000,
    )


def _painted(manifest: ModelManifest) -> str:
    """The map that an overlay paints: the first of kind labels."""
    for entry in manifest.maps:
        if entry.kind == "labels":
            return entry.name
    kinds = dict.fromkeys(entry.kind for entry in manifest.maps)
    raise NothingToPaint(manifest.name, list(kinds), manifest.map_names())


def choose(accept: str, available: Sequence[str]) -> str | None:
    """Media type of `available` that the Accept header likes best; None if it accepts none of them.

    The most specific range that matches a type decides its q (RFC 9110, 12.5.1); at equal q the earlier
    type of `available` is chosen. An empty header accepts all.
    """
    ranges = _media_ranges(accept) or [("*/*", 1.0)]
    qualities = [_quality(kind, ranges) for kind in available]
    best = max(qualities)
    return available[qualities.index(best)] if best > 0 else None


async def read_image(request: Request, limit: int, timeout: float, lease: Lease) -> Upload:
    """The image, alone or in a form with options beside it.

    The body has at most `limit` bytes, which `lease` counts, and arrives within `timeout` seconds. Raises
    EmptyBody, MalformedRequest, InvalidParameter, BodyTooLarge, Overloaded or RequestTimeout.
    """
    refuse_encoding(request)
    if is_form(request):
        upload = await _read(request, partial(read_form, limit=limit), limit, timeout, lease)
    else:
        upload = Upload(await _read(request, _whole, limit, timeout, lease))
    if not upload.data:
        raise EmptyBody(f"No image: send it as the body, or as the multipart field '{FIELD}'.")
    return upload


def refuse_encoding(request: Request) -> None:
    """Raise HTTPException 415 for a body packed once more, as by gzip: it could expand to any size."""
    encoding = request.headers.get("content-encoding", "identity")
    if encoding.strip().lower() != "identity":
        raise HTTPException(415, f"Content-Encoding {encoding[:60]} is not read: send the body as it is.")


async def read_body(request: Request, limit: int, timeout: float, lease: Lease) -> bytes:
    """The whole body, within the same bounds; raises BodyTooLarge, Overloaded or RequestTimeout."""
    refuse_encoding(request)
    return await _read(request, _whole, limit, timeout, lease)


@asynccontextmanager
async def cancelled_on_disconnect(request: Request, *cancellations: Cancellation) -> AsyncIterator[None]:
    """Cancel when the client closes its connection within the context; the body must have been read."""

    async def watch() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        for cancellation in cancellations:
            cancellation.cancel()

    watcher = asyncio.create_task(watch())
    try:
        yield
    finally:
        watcher.cancel()
        with suppress(asyncio.CancelledError):
            await watcher


@contextmanager
def explaining_curl(request: Request) -> Iterator[None]:
    """Let a refusal of the image say what curl's -d makes of a file."""
    try:
        yield
    except (UnsupportedImage, UndecodableImage) as error:
        if request.headers.get("content-type", "").lower().startswith(URL_ENCODED):
            error.detail = f"{error.detail} {CURL_FIX}"
        raise


def _media_ranges(accept: str) -> list[tuple[str, float]]:
    ranges = []
    for item in accept.split(","):
        kind, *parameters = (part.strip() for part in item.lower().split(";"))
        if kind:
            ranges.append((kind, _stated_quality(parameters)))
    return ranges


def _stated_quality(parameters: Sequence[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0


def _quality(kind: str, ranges: Sequence[tuple[str, float]]) -> float:
    family = kind.partition("/")[0] + "/*"
    for pattern in (kind, family, "*/*"):
        qualities = [q for accepted, q in ranges if accepted == pattern]
        if qualities:
            return max(qualities)
    return 0.0


async def _read(
    request: Request, take: Callable[[Request], Awaitable[T]], limit: int, timeout: float, lease: Lease
) -> T:
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise BodyTooLarge(limit)
    counted = Request(request.scope, _counting(request.receive, limit, lease))
    try:
        async with asyncio.timeout(timeout):
            return await take(counted)
    except TimeoutError as error:
        raise RequestTimeout(f"The body did not arrive within {timeout:g} seconds.") from error


async def _whole(request: Request) -> bytes:
    # Request.body() would keep a copy for as long as the collector of cycles lets the request live.
    return b"".join([piece async for piece in request.stream()])


def _counting(receive: Receive, limit: int, lease: Lease) -> Receive:
    arrived = 0

    async def counted() -> Message:
        nonlocal arrived
        message = await receive()
        size = len(message.get("body", b""))
        arrived += size
        if arrived > limit:
            raise BodyTooLarge(limit)
        lease.grow(size)
        return message

    return counted
