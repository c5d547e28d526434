"""Decoding: bodies of answers become results; whatever is not as it must be is a BadAnswer."""

from __future__ import annotations

import json
import re
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from numbers import Real
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from pag.client.archives import read_arrays, read_entries
from pag.client.errors import BadAnswer
from pag.client.results import Budget, ClassEntry, FigureInfo, MapInfo, Model, Parsing, Photograph

NPZ, ZIP, PNG, JSON = "application/x-npz", "application/zip", "image/png", "application/json"
META_FILE = "meta.json"
# Callers write these into folders: nothing that could lead out of one.
FILE_NAME = re.compile(r"[a-z0-9_]+\.(png|json)")
# As the service's manifests name models and maps; the command line makes names of files of these.
MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
MAP_NAME = re.compile(r"[a-z][a-z0-9_]*")
TIMING = re.compile(r"([A-Za-z0-9_-]+);dur=([0-9]+(?:\.[0-9]+)?)")
# Whatever the libraries raise at bytes that are not what they should be.
UNREADABLE = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
PNG_START = b"\x89PNG\r\n\x1a\n"
PNG_END = b"IEND\xaeB`\x82"
# Type, and axes behind [H,W], by kind of map; of a kind that this client does not know, whatever comes.
ARRAYS: dict[str, tuple[str, tuple[int, ...]]] = {
    "labels": ("uint8", ()),
    "probability": ("float32", ()),
    "metric": ("float32", ()),
    "vectors": ("float32", (3,)),
    "share": ("float32", ()),
}
TYPES: dict[str, type] = {"float": Real, "int": int, "str": str}

T = TypeVar("T", Budget, Photograph)


def read_npz(data: bytes, headers: Mapping[str, str] | None = None) -> Parsing:
    """The parsing in an npz answer, or in one saved to a file; `data` are its bytes.

    BadAnswer if it cannot be read, TypeError for anything but bytes.
    `headers` of the answer, if at hand, add the stages that end after the body is made, and the trace.
    """
    if not isinstance(data, bytes | bytearray | memoryview):
        raise TypeError(f"read_npz takes the bytes of a file, not {data!r:.60}: Path(...).read_bytes()")
    with _reading("maps"):
        arrays = read_arrays(data)
        meta = json.loads(str(arrays.pop("meta")))
        return _parsing(arrays, meta, headers or {})


def read_files(data: bytes) -> dict[str, bytes]:
    """The files in a zip answer, by name."""
    with _reading("files"):
        files = read_entries(data)
        if wrong := [name for name in files if not FILE_NAME.fullmatch(name)]:
            raise ValueError(f"no file of a parsing is named {wrong[0]!r}")
        if META_FILE not in files:
            raise ValueError(f"it has no {META_FILE}")
        listed = [entry["file"] for entry in json.loads(files[META_FILE])["maps"].values()]
        if sorted(listed) != sorted(files.keys() - {META_FILE}):
            raise ValueError(f"{META_FILE} lists {listed}, which are not the other files")
        return files


def read_png(data: bytes) -> bytes:
    """`data` itself, if it is a whole PNG."""
    with _reading("overlay"):
        if not (data.startswith(PNG_START) and data.endswith(PNG_END)):
            raise ValueError("it is no whole PNG")
        return data


def read_json(data: bytes) -> dict[str, Any]:
    """The JSON object in an answer."""
    with _reading("JSON"):
        document = json.loads(data)
        if not isinstance(document, dict):
            raise ValueError("it is no object")
        return document


def read_models(document: Mapping[str, Any]) -> tuple[Model, ...]:
    """The models in the JSON of GET /models."""
    with _reading("list of models"):
        return tuple(_model(entry) for entry in document["models"])


def read_timing(headers: Mapping[str, str]) -> dict[str, float]:
    """Milliseconds by stage in the header Server-Timing; empty without one."""
    return {stage: float(value) for stage, value in TIMING.findall(headers.get("server-timing", ""))}


def read_milliseconds(meta: Mapping[str, Any]) -> dict[str, float]:
    """Milliseconds by stage in an answer's metadata; empty without any."""
    with _reading("metadata"):
        stages = meta.get("milliseconds", {})
        return {stage: _typed(stages, stage, Real) for stage in stages}


def read_request_id(document: object) -> str | None:
    """The id of the request that an answer's metadata or problem names; None without one."""
    found = document.get("request_id") if isinstance(document, dict) else None
    return found if isinstance(found, str) else None


@contextmanager
def _reading(what: str) -> Iterator[None]:
    try:
        yield
    except UNREADABLE as error:
        # A KeyError's text is the key alone.
        cause = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise BadAnswer(f"The answer holds no {what} that can be read: {cause}.") from error


def _parsing(arrays: dict[str, NDArray[Any]], meta: dict[str, Any], headers: Mapping[str, str]) -> Parsing:
    size = (_typed(meta["size"], "height", int), _typed(meta["size"], "width", int))
    return Parsing(
        maps={name: _checked(arrays[name], name, entry, size) for name, entry in meta["maps"].items()},
        map_info={name: _map_info(name, entry) for name, entry in meta["maps"].items()},
        budget=_filled(Budget, meta["budget"]),
        # Some stages end after the body is made: only headers have those.
        milliseconds={**read_milliseconds(meta), **read_timing(headers)},
        model=_named(meta["model"]["name"], MODEL_NAME),
        model_version=_named(meta["model"]["version"], MODEL_NAME),
        image=_filled(Photograph, meta["image"]),
        size=size,
        request_id=_typed(meta, "request_id", str),
        traceparent=headers.get("traceparent"),
    )


def _checked(array: NDArray[Any], name: str, entry: Mapping[str, Any], size: tuple[int, int]) -> NDArray[Any]:
    """The array, if it is as its description says and as its kind must be."""
    stated = np.dtype(entry["dtype"])
    dtype, channels = ARRAYS.get(entry["kind"], (stated, array.shape[2:]))
    shape = (*size, *channels)
    if array.dtype != dtype or stated != dtype or array.shape != shape:
        raise ValueError(f"{name} is {array.dtype} {array.shape}, not {dtype} {shape}")
    return array


def _model(entry: Mapping[str, Any]) -> Model:
    return Model(
        name=_named(entry["name"], MODEL_NAME),
        version=_named(entry["version"], MODEL_NAME),
        description=_typed(entry, "description", str),
        default=_typed(entry, "default", bool),
        maps={item["name"]: _map_info(item["name"], item) for item in entry["maps"]},
        default_maps=tuple(_named(name, MAP_NAME) for name in entry["default_maps"]),
        budget_floor=_typed(entry, "budget_floor", Real),
        budget_default=_typed(entry, "budget_default", Real),
        curves={
            split: tuple(_row(row) for row in rows) for split, rows in entry["metrics"]["splits"].items()
        },
        figures={name: _figure(each) for name, each in entry["metrics"].get("figures", {}).items()},
        document=entry,
    )


def _figure(entry: Mapping[str, Any]) -> FigureInfo:
    title, heading, unit = (_typed(entry, name, str) for name in ("title", "heading", "unit"))
    return FigureInfo(
        title, heading, unit, _typed(entry, "better", str) != "less", _typed(entry, "main", bool)
    )


def _row(row: Mapping[str, Any]) -> dict[str, float | None]:
    """The figures of a row of a curve; what else stands there is left to `Model.document`."""
    _typed(row, "budget", Real)
    return {name: value for name, value in row.items() if value is None or _is_a(value, Real)}


def _map_info(name: str, entry: Mapping[str, Any]) -> MapInfo:
    """A map as an answer's meta or GET /models describes it."""
    kind = _named(entry["kind"], MAP_NAME)
    # The two have different words for the id of pixels without a class.
    void = entry.get("void", entry.get("invalid")) if kind == "labels" else None
    classes = tuple(_class_entry(item) for item in entry.get("classes") or ())
    unit, frame = (
        _typed(entry, each, str) if entry.get(each) is not None else None for each in ("unit", "frame")
    )
    return MapInfo(_named(name, MAP_NAME), kind, unit, frame, classes, None if void is None else _byte(void))


def _class_entry(entry: Mapping[str, Any]) -> ClassEntry:
    red, green, blue = entry["color"]
    colour = (_byte(red), _byte(green), _byte(blue))
    return ClassEntry(_byte(entry["id"]), _typed(entry, "name", str), colour)


def _filled(kind: type[T], document: Mapping[str, Any]) -> T:
    """An instance of a dataclass from the members of its fields' names."""
    return kind(**{each.name: _typed(document, each.name, TYPES[str(each.type)]) for each in fields(kind)})


def _typed(document: Mapping[str, Any], name: str, kind: type) -> Any:
    if not _is_a(value := document[name], kind):
        raise TypeError(f"{name} is {value!r:.60}, not of type {kind.__name__.lower()}")
    return value


def _is_a(value: object, kind: type) -> bool:
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _named(value: object, pattern: re.Pattern[str]) -> str:
    if not (isinstance(value, str) and pattern.fullmatch(value)):
        raise ValueError(f"{value!r:.60} is no name")
    return value


def _byte(value: object) -> int:
    if not (isinstance(value, int) and 0 <= value <= 255):
        raise ValueError(f"{value!r:.60} is no number from 0 to 255")
    return value
