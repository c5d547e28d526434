"""Reading a request of the protocol: its JSON, and the binary data behind it."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pydantic_core
from pydantic import ValidationError

from service.errors import BodyTooLarge, InvalidParameter, MalformedRequest, ServiceError
from service.schemas.v2 import InferParameters, InferRequest, InputTensor, in_words

HEADER_LENGTH = "Inference-Header-Content-Length"
IMAGE = "image"
# Parsing so much takes up to 0.1 s, in which no other request gets on. 640x480 pixels fit, with a space
# before each number or as a list each.
MAX_JSON_BYTES = 5 * 2**20
MAX_LISTS = 400_000
# Quotation marks and opening braces: of names, types and photographs in base64, of which there are dozens.
MAX_MEMBERS = 4096


class JsonTooLarge(BodyTooLarge):
    """More JSON than is worth the time."""

    def __init__(self, limit: int, unit: str) -> None:
        detail = f"The JSON exceeds {limit} {unit}; send the tensor as binary data behind it."
        ServiceError.__init__(self, detail, limit=limit)


@dataclass(frozen=True)
class InferMessage:
    """A request, and the bytes behind its JSON: a view of the body, not a copy.

    A `raw` one has no JSON: it is one encoded photograph.
    """

    request: InferRequest
    binary: memoryview
    raw: bool = False


def read_message(body: bytes, header_length: str | None) -> InferMessage:
    """Request of a body whose first `header_length` bytes are JSON: all if None; 0: it is a photograph.

    Raises MalformedRequest, JsonTooLarge or InvalidParameter.
    """
    view = memoryview(body)
    if header_length is None:
        return InferMessage(_read_request(body, bounded=False), view[:0])
    length = _json_length(header_length, len(body))
    if length == 0:
        return InferMessage(_of_photograph(), view, raw=True)
    return InferMessage(_read_request(body[:length], bounded=True), view[length:])


def _json_length(header_length: str, available: int) -> int:
    if not (header_length.isascii() and header_length.isdigit() and len(header_length) < 20):
        raise MalformedRequest(f"{HEADER_LENGTH} must be a number of bytes.")
    length = int(header_length)
    if length > available:
        raise MalformedRequest(f"{HEADER_LENGTH} is {length}, but the body has {available} bytes.")
    return length


def _read_request(text: bytes, *, bounded: bool) -> InferRequest:
    if len(text) > MAX_JSON_BYTES:
        raise JsonTooLarge(MAX_JSON_BYTES, "bytes")
    if text.count(b"[") > MAX_LISTS:
        raise JsonTooLarge(MAX_LISTS, "lists")
    if text.count(b'"') + text.count(b"{") > MAX_MEMBERS:
        raise JsonTooLarge(MAX_MEMBERS, "members")
    try:
        with _no_collection():
            document = pydantic_core.from_json(text, allow_inf_nan=False)
    except ValueError as error:
        hint = "" if bounded else f" Binary data behind the JSON need the header {HEADER_LENGTH}."
        raise MalformedRequest(f"The JSON cannot be read: {error}.{hint}") from error
    if not isinstance(document, dict):
        raise MalformedRequest("The JSON must be an object with the member inputs.")
    try:
        return InferRequest.model_validate(document)
    except ValidationError as error:
        raise InvalidParameter(in_words(error)) from error


@contextmanager
def _no_collection() -> Iterator[None]:
    """Without the collector of cycles, which would look at all lists again and again: four times faster."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _of_photograph() -> InferRequest:
    tensor = InputTensor(name=IMAGE, shape=[1], datatype="BYTES")
    return InferRequest(inputs=[tensor], parameters=InferParameters(binary_data_output=True))
