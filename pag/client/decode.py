"""Decoding: bodies of answers become results; whatever is not as it must be is a BadAnswer."""

from __future__ import annotations

import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pag.client.errors import BadAnswer
from pag.client.results import Budget, ClassEntry, MapInfo, Model, Parsing, Photograph

NPZ, ZIP, PNG, JSON = "application/x-npz", "application/zip", "image/png", "application/json"
# Callers write these into folders: nothing that could lead out of one.
FILE_NAME = re.compile(r"[a-z0-9_]+\.(png|json)")
TIMING = re.compile(r"([A-Za-z0-9_-]+);dur=([0-9.]+)")
UNREADABLE = (
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
)
PNG_START = b"\x89PNG\r\n\x1a\n"
PNG_END = b"IEND\xaeB`\x82"
# Axes behind [H,W] by kind of map; of a kind that this client does not know, whatever comes.
CHANNELS: dict[str, tuple[int, ...]] = {
    "labels": (),
    "probability": (),
    "metric": (),
    "vectors": (3,),
    "share": (),
}


def read_npz(data: bytes, headers: Mapping[str, str] | None = None) -> Parsing:
    """The parsing in an npz answer, or in one saved to a file; BadAnswer if it cannot be read.

    `headers` of the answer, if at hand, add the stages that end after the body is made, and the trace.
    """
    with _reading("maps"), np.load(io.BytesIO(data), allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
        meta = json.loads(str(arrays.pop("meta")))
        return _parsing(arrays, meta, headers or {})


def read_files(data: bytes) -> dict[str, bytes]:
    """The files in a zip answer, by name."""
    with _reading("files"), zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
        if wrong := [name for name in names if not FILE_NAME.fullmatch(name)]:
            raise ValueError(f"no file of a parsing is named {wrong[0]!r}")
        if "meta.json" not in names:
            raise ValueError("it has no meta.json")
        return {name: archive.read(name) for name in names}


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


@contextmanager
def _reading(what: str) -> Iterator[None]:
    try:
        yield
    except UNREADABLE as error:
        # A KeyError's text is the key alone.
        cause = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise BadAnswer(f"The answer holds no {what} that can be read: {cause}.") from error


def _parsing(arrays: dict[str, NDArray[Any]], meta: dict[str, Any], headers: Mapping[str, str]) -> Parsing:
    size = (int(meta["size"]["height"]), int(meta["size"]["width"]))
    return Parsing(
        maps={name: _checked(arrays[name], name, entry, size) for name, entry in meta["maps"].items()},
        map_info={name: _map_info(name, entry) for name, entry in meta["maps"].items()},
        budget=Budget(**{name: meta["budget"][name] for name in Budget.__dataclass_fields__}),
        # Some stages end after the body is made: only headers have those.
        milliseconds={**meta["milliseconds"], **read_timing(headers)},
        model=meta["model"]["name"],
        model_version=meta["model"]["version"],
        image=Photograph(**{name: meta["image"][name] for name in Photograph.__dataclass_fields__}),
        size=size,
        request_id=meta["request_id"],
        traceparent=headers.get("traceparent"),
    )


def _checked(array: NDArray[Any], name: str, entry: Mapping[str, Any], size: tuple[int, int]) -> NDArray[Any]:
    """The array, if it is as its description says."""
    dtype = np.dtype(entry["dtype"])
    shape = (*size, *CHANNELS.get(entry["kind"], array.shape[2:]))
    if array.dtype != dtype or array.shape != shape:
        raise ValueError(f"{name} is {array.dtype} {array.shape}, not {dtype} {shape}")
    return array


def _model(entry: Mapping[str, Any]) -> Model:
    return Model(
        name=entry["name"],
        version=entry["version"],
        description=entry["description"],
        default=entry["default"],
        maps={item["name"]: _map_info(item["name"], item) for item in entry["maps"]},
        default_maps=tuple(entry["default_maps"]),
        budget_floor=entry["budget_floor"],
        budget_default=entry["budget_default"],
        curves={split: tuple(rows) for split, rows in entry["metrics"]["splits"].items()},
        document=entry,
    )


def _map_info(name: str, entry: Mapping[str, Any]) -> MapInfo:
    """A map as an answer's meta or GET /models describes it."""
    # The two have different words for the id of pixels without a class.
    void = entry.get("void", entry.get("invalid")) if entry["kind"] == "labels" else None
    classes = tuple(_class_entry(item) for item in entry.get("classes") or ())
    return MapInfo(name, entry["kind"], entry.get("unit"), entry.get("frame"), classes, void)


def _class_entry(entry: Mapping[str, Any]) -> ClassEntry:
    return ClassEntry(entry["id"], entry["name"], tuple(entry["color"]))
