"""Takes the image's bytes out of a request: the raw body, or the file of a form; counted as they arrive."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.types import Message, Receive

from service.errors import BodyTooLarge, EmptyBody, MalformedRequest, RequestTimeout

FIELD = "file"
FORM = "multipart/form-data"
MAX_FIELDS = 8
FIX = f"Send one file, in the field '{FIELD}', or the image itself as the body."


# What it would say of a broken form, the answer says.
logging.getLogger("python_multipart").setLevel(logging.ERROR)


async def read_image(request: Request, limit: int, timeout: float) -> bytes:
    """Bytes of the image: at most `limit` bytes of body within `timeout` seconds.

    Raises EmptyBody, MalformedRequest, BodyTooLarge or RequestTimeout.
    """
    is_form = request.headers.get("content-type", "").lower().startswith(FORM)
    data = await _read(request, partial(_form_file, limit=limit) if is_form else _whole, limit, timeout)
    if not data:
        raise EmptyBody(f"No image: send it as the body, or as the multipart field '{FIELD}'.")
    return data


async def read_body(request: Request, limit: int, timeout: float) -> bytes:
    """The whole body, within the same bounds; raises BodyTooLarge or RequestTimeout."""
    return await _read(request, _whole, limit, timeout)


async def _read(
    request: Request, take: Callable[[Request], Awaitable[bytes]], limit: int, timeout: float
) -> bytes:
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise BodyTooLarge(limit)
    counted = Request(request.scope, _counting(request.receive, limit))
    try:
        async with asyncio.timeout(timeout):
            return await take(counted)
    except TimeoutError as error:
        raise RequestTimeout(f"The body did not arrive within {timeout:g} seconds.") from error


async def _whole(request: Request) -> bytes:
    # Request.body() would keep a copy for as long as the collector of cycles lets the request live.
    return b"".join([piece async for piece in request.stream()])


async def _form_file(request: Request, limit: int) -> bytes:
    parser = MultiPartParser(request.headers, request.stream(), max_files=1, max_fields=MAX_FIELDS)
    # Larger files would go to the disk, which may be slow, full or read-only.
    parser.spool_max_size = limit
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise MalformedRequest(f"The form cannot be read: {error.message} {FIX}") from error
    try:
        uploads = [part for part in form.getlist(FIELD) if isinstance(part, UploadFile)]
        if not uploads:
            raise MalformedRequest(f"The form has no file in the field '{FIELD}'. {FIX}")
        return await uploads[0].read()
    finally:
        await form.close()


def _counting(receive: Receive, limit: int) -> Receive:
    arrived = 0

    async def counted() -> Message:
        nonlocal arrived
        message = await receive()
        arrived += len(message.get("body", b""))
        if arrived > limit:
            raise BodyTooLarge(limit)
        return message

    return counted
