"""Bodies of answers into what callers get; whatever is not as it must be is a BadAnswer."""

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
from pag.client.parsing import Budget, ClassEntry, Parsing, Photograph

# Callers write these into folders: nothing that could lead out of one.
FILE_NAME = re.compile(r"[a-z0-9_]+\.(png|json)")
TIMING = re.compile(r"([A-Za-z0-9_-]+);dur=([0-9.]+)")
UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile, zlib.error)
PNG_START = b"\x89PNG\r\n\x1a\n"
PNG_END = b"IEND\xaeB`\x82"

DTYPES: dict[str, tuple[type[np.generic], int]] = {
    "semantics": (np.uint8, 2),
    "depth": (np.float32, 2),
    "normals": (np.float32, 3),
    "computed": (np.float32, 2),
}


def read_npz(data: bytes, headers: Mapping[str, str] | None = None) -> Parsing:
    """The parsing in an npz answer, also in one saved by curl; `headers` of the answer tell a little more."""
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
    """The PNG itself, if it is one and all there."""
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
    semantics = meta["maps"].get("semantics", {})
    maps: dict[str, Any] = {name: _map(name, arrays.get(name), size) for name in DTYPES}
    return Parsing(
        **maps,
        classes=read_classes(semantics.get("classes", ())),
        void=semantics.get("invalid"),
        budget=Budget(**{name: meta["budget"][name] for name in Budget.__dataclass_fields__}),
        # Some stages end after the body is made: only headers tell those.
        milliseconds={**meta["milliseconds"], **_timing(headers)},
        model=meta["model"]["name"],
        model_version=meta["model"]["version"],
        image=Photograph(**{name: meta["image"][name] for name in Photograph.__dataclass_fields__}),
        size=size,
        request_id=meta["request_id"],
        traceparent=headers.get("traceparent"),
    )


def read_classes(entries: Any) -> tuple[ClassEntry, ...]:
    """Classes as JSON tells them."""
    return tuple(ClassEntry(entry["id"], entry["name"], tuple(entry["color"])) for entry in entries)


def _map(name: str, values: NDArray[Any] | None, size: tuple[int, int]) -> NDArray[Any] | None:
    if values is None:
        return None
    dtype, dimensions = DTYPES[name]
    shape = (*size, 3)[:dimensions]
    if values.dtype != dtype or values.shape != shape:
        raise ValueError(f"{name} is {values.dtype} {values.shape}, not {np.dtype(dtype)} {shape}")
    return values


def _timing(headers: Mapping[str, str]) -> dict[str, float]:
    return {stage: float(value) for stage, value in TIMING.findall(headers.get("server-timing", ""))}
