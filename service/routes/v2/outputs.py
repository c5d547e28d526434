"""Output tensors of maps, binary or JSON, and the answer that they make."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import pydantic_core
from numpy.typing import NDArray
from starlette.responses import Response

from service.engine.job import Parsed
from service.engine.memory import Lease
from service.errors import InvalidParameter
from service.maps import Kind, kind_of
from service.model_folder.manifest import ModelManifest
from service.model_folder.maps import MapEntry
from service.routes.delivery import Buffer, PieceResponse
from service.routes.v2.message import HEADER_LENGTH
from service.schemas.v2 import BinarySize, InferResponse, OutputTensor

DTYPES = {"UINT8": "u1", "FP32": "<f4"}
# A number takes up to 20 bytes of text and some tens of nanoseconds in which no other thread runs.
MAX_JSON_NUMBERS = 4_000_000
PIECE_NUMBERS = 65536


@dataclass(frozen=True)
class ImageTensors:
    """Tensors of one image by output: their bytes, or their numbers as JSON without brackets."""

    size: tuple[int, int]
    tensors: dict[str, Buffer]


def check_json_size(manifest: ModelManifest, pixels: int, binary: Mapping[str, bool]) -> None:
    """Raise InvalidParameter if outputs of `pixels` would be more JSON than is made."""
    channels = [kind_of(manifest.map(name)).channels for name, is_binary in binary.items() if not is_binary]
    numbers = pixels * sum(map(math.prod, channels))
    if numbers > MAX_JSON_NUMBERS:
        raise InvalidParameter(
            f"The outputs would be {numbers} numbers of JSON, at most {MAX_JSON_NUMBERS} are made: request "
            "binary_data, fewer outputs, smaller or fewer images, or size=model."
        )


def render(parsed: Parsed, binary: Mapping[str, bool]) -> ImageTensors:
    """Tensors of `parsed`, for a codec thread; `binary` says of each output whether it is."""
    with parsed.timed("encode"):
        tensors = {
            name: _tensor(kind_of(parsed.manifest.map(name)), parsed.maps[name], is_binary)
            for name, is_binary in binary.items()
        }
    return ImageTensors(parsed.point.resize.target(parsed.size), tensors)


def _tensor(kind: Kind, values: NDArray[Any], binary: bool) -> Buffer:
    array = np.ascontiguousarray(kind.canonical(values), DTYPES[kind.datatype])
    return array.data.cast("B") if binary else _json_numbers(array.reshape(-1))


def _json_numbers(values: NDArray[Any]) -> bytes:
    # In pieces, as each call keeps all other threads from running. A double's text is exact for a float.
    pieces = (values[start : start + PIECE_NUMBERS] for start in range(0, len(values), PIECE_NUMBERS))
    return b",".join(pydantic_core.to_json(piece.tolist(), inf_nan_mode="null")[1:-1] for piece in pieces)


def respond(
    response: InferResponse,
    manifest: ModelManifest,
    images: Sequence[ImageTensors],
    binary: Mapping[str, bool],
    headers: dict[str, str],
    lease: Lease,
) -> Response:
    """The answer to a request: JSON, and behind it the binary outputs in their order."""
    tensors = [_describe(manifest.map(name), images, is_binary) for name, is_binary in binary.items()]
    head = [*_open(response)]
    for place, tensor in enumerate(tensors):
        head += [b","] if place else []
        head += _text(tensor, images)
    head += [b"]}"]
    behind = [image.tensors[tensor.name] for tensor in tensors if tensor.parameters for image in images]
    if not behind:
        return PieceResponse(head, headers, "application/json", lease)
    length = {HEADER_LENGTH: str(sum(map(len, head)))}
    return PieceResponse([*head, *behind], headers | length, "application/octet-stream", lease)


def _describe(entry: MapEntry, images: Sequence[ImageTensors], binary: bool) -> OutputTensor:
    kind, data = kind_of(entry), [image.tensors[entry.name] for image in images]
    size = BinarySize(binary_data_size=sum(map(len, data))) if binary else None
    shape = [len(images), *images[0].size, *kind.channels]
    return OutputTensor(name=entry.name, datatype=kind.datatype, shape=shape, parameters=size)


def _open(response: InferResponse) -> list[Buffer]:
    text = response.model_dump_json(exclude_none=True, exclude={"outputs"})
    return [text[:-1].encode(), b',"outputs":[']


def _text(tensor: OutputTensor, images: Sequence[ImageTensors]) -> list[Buffer]:
    text = tensor.model_dump_json(exclude_none=True).encode()
    if tensor.parameters:
        return [text]
    rows = chain.from_iterable((b",", image.tensors[tensor.name]) for image in images)
    # The first comma is one too many.
    return [text[:-1], b',"data":[', *list(rows)[1:], b"]}"]
