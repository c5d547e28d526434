"""The images of a request's input tensor: pixels, or encoded photographs."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.errors import InvalidParameter, MalformedRequest
from service.imaging.decode import check_size, open_header
from service.routes.v2.message import IMAGE, InferMessage
from service.schemas.v2 import InputTensor
from service.settings import Settings

Source = bytes | NDArray[np.uint8]
LENGTH_BYTES = 4
# Between pieces other threads may run.
PIECE = 65536


def sources_of(message: InferMessage, settings: Settings) -> Sequence[Source]:
    """Images of a request: views uint8 [H,W,3] of the body, or the bytes of encoded photographs.

    Raises a ServiceError where the tensor is not what its shape says, or more than is accepted; nothing is
    allocated by a shape before it was compared with the data that are there.
    """
    (tensor,) = message.request.inputs
    if tensor.name != IMAGE:
        raise InvalidParameter(f"No input {tensor.name[:60]!r}; the only one is {IMAGE!r}.")
    if message.raw:
        return _not_empty([bytes(message.binary)])
    binary = _binary_of(tensor, message.binary)
    if tensor.datatype == "UINT8":
        return list(_pixels(tensor, binary, settings))
    return _photographs(tensor, binary, settings)


def sizes_of(sources: Sequence[Source], settings: Settings) -> list[tuple[int, int]]:
    """Upright height and width of each image; reads headers, decodes nothing."""
    return [_size(source, settings.max_pixels) for source in sources]


def _size(source: Source, max_pixels: int) -> tuple[int, int]:
    if isinstance(source, bytes):
        header = open_header(source, max_pixels)
        return header.height, header.width
    height, width, _ = source.shape
    return height, width


def _binary_of(tensor: InputTensor, behind: memoryview) -> memoryview | None:
    stated = tensor.parameters.binary_data_size
    if tensor.data is not None and (stated is not None or len(behind)):
        raise MalformedRequest(
            "The tensor is given twice: as data in the JSON, and as binary data behind it."
        )
    if tensor.data is not None:
        return None
    if stated is None:
        raise MalformedRequest("The tensor has no data: neither data in the JSON, nor binary_data_size.")
    if stated != len(behind):
        raise MalformedRequest(f"binary_data_size is {stated}, but {len(behind)} bytes follow the JSON.")
    return behind


def _pixels(tensor: InputTensor, binary: memoryview | None, settings: Settings) -> NDArray[np.uint8]:
    shape = [1, *tensor.shape] if len(tensor.shape) == 3 else tensor.shape
    if len(shape) != 4 or shape[-1] != 3:
        raise MalformedRequest(f"A UINT8 tensor has the shape [H,W,3] or [N,H,W,3], not {tensor.shape}.")
    count, height, width, _ = shape
    _check_count(count, settings)
    check_size(height, width, settings.max_pixels)
    values = _numbers(tensor.data or [], tensor.shape) if binary is None else binary
    if len(values) != math.prod(shape):
        detail = f"The shape {tensor.shape} has {math.prod(shape)} numbers, the data {len(values)}."
        raise MalformedRequest(detail)
    return np.frombuffer(values, np.uint8).reshape(shape)


def _check_count(count: int, settings: Settings) -> None:
    if count > settings.max_images:
        raise InvalidParameter(
            f"{count} images in one request; at most {settings.max_images} are accepted, so send several."
        )


def _numbers(data: list[Any], shape: Sequence[int]) -> bytearray:
    """The whole numbers of flat data, or of data nested as the shape says."""
    if data and isinstance(data[0], list):
        data = _flat(data, shape)
    found = bytearray()
    for start in range(0, len(data), PIECE):
        piece = data[start : start + PIECE]
        wrong = set(map(type, piece)) - {int}
        if wrong:
            raise MalformedRequest(
                f"UINT8 data are whole numbers from 0 to 255, not {_name_of(wrong.pop())}."
            )
        try:
            found += bytes(piece)
        except ValueError as error:
            raise MalformedRequest("UINT8 data are whole numbers from 0 to 255.") from error
    return found


def _flat(data: list[Any], shape: Sequence[int]) -> list[Any]:
    level: list[Any] = [data]
    for axis, side in enumerate(shape):
        if not all(type(part) is list and len(part) == side for part in level):
            raise MalformedRequest(f"Nested data must have {side} elements along axis {axis}, as shape says.")
        level = list(chain.from_iterable(level))
    return level


def _name_of(kind: type) -> str:
    names = {bool: "booleans", float: "fractions", str: "text", list: "lists", dict: "objects"}
    return names.get(kind, "null")


def _photographs(tensor: InputTensor, binary: memoryview | None, settings: Settings) -> list[bytes]:
    if tensor.shape[1:] not in ([], [1]):
        raise MalformedRequest(f"A BYTES tensor has the shape [N] or [N,1], not {tensor.shape}.")
    count = tensor.shape[0]
    _check_count(count, settings)
    if binary is None:
        data = tensor.data or []
        if data and isinstance(data[0], list):
            data = _flat(data, tensor.shape)
        if len(data) != count:
            raise MalformedRequest(f"The shape {tensor.shape} has {count} elements, the data {len(data)}.")
        return _not_empty([_from_base64(element) for element in data])
    return _not_empty(_elements(binary, count))


def _not_empty(photographs: list[bytes]) -> list[bytes]:
    if not all(photographs):
        raise MalformedRequest("A photograph has no bytes.")
    return photographs


def _elements(binary: memoryview, count: int) -> list[bytes]:
    """Elements of a BYTES tensor, each behind its length: 4 bytes, little-endian."""
    found: list[bytes] = []
    position = 0
    while len(found) < count:
        start = position + LENGTH_BYTES
        length = int.from_bytes(binary[position:start], "little")
        position = start + length
        if start > len(binary) or position > len(binary):
            raise MalformedRequest(
                f"Element {len(found)} of the BYTES tensor ends at byte {position} of {len(binary)}; each "
                f"begins with its length in {LENGTH_BYTES} bytes, little-endian."
            )
        found.append(bytes(binary[start:position]))
    if position < len(binary):
        raise MalformedRequest(f"{len(binary) - position} bytes follow the {count} elements that shape says.")
    return found


def _from_base64(element: Any) -> bytes:
    problem = (
        "BYTES data in JSON are strings that hold the photographs in base64; or send them as binary data"
    )
    if not isinstance(element, str):
        raise MalformedRequest(f"{problem}.")
    try:
        return base64.b64decode(element, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedRequest(f"{problem}: {error}.") from error
