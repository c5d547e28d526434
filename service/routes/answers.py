"""Renders a parsed image as each representation of POST /parse; one function per media type, one table."""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.engine.job import STAGES, Parsed
from service.imaging.encode import depth_metres, depth_png, labels_png, normals_png, overlay_png, share_png
from service.model_folder.manifest import ModelManifest
from service.schemas.parse import BudgetMeta, ImageMeta, MapMeta, ModelMeta, ParseMeta, SizeMeta

JSON, ZIP, NPZ, PNG = "application/json", "application/zip", "application/x-npz", "image/png"
META_FILE = "meta.json"
COMPUTED_UNIT = "share of the gated multiply-adds"

ENCODERS: dict[str, Callable[[NDArray[Any]], bytes]] = {
    "semantics": labels_png,
    "depth": depth_png,
    "normals": normals_png,
    "computed": share_png,
}


def render_json(parsed: Parsed, request_id: str, pool: Executor) -> bytes:
    """Metadata with each map's PNG in base64."""
    files = _encode_maps(parsed, pool)
    meta = describe(parsed, request_id)
    for name, data in files.items():
        meta.maps[name].png = base64.b64encode(data).decode()
    return _dump(meta)


def render_zip(parsed: Parsed, request_id: str, pool: Executor) -> bytes:
    """Stored archive of one PNG per map and meta.json: PNGs do not deflate further."""
    files = _encode_maps(parsed, pool)
    meta = describe(parsed, request_id)
    for name in files:
        meta.maps[name].file = f"{name}.png"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(f"{name}.png"), data)
        archive.writestr(zipfile.ZipInfo(META_FILE), _dump(meta))
    return buffer.getvalue()


def render_npz(parsed: Parsed, request_id: str, pool: Executor) -> bytes:
    """Uncompressed archive for numpy.load: the canonical arrays and `meta`, a JSON string."""
    buffer = io.BytesIO()
    with parsed.timed("encode"):
        arrays = dict(parsed.maps)
        if "depth" in arrays:
            arrays["depth"] = depth_metres(arrays["depth"])
    meta = describe(parsed, request_id, canonical=True)
    with parsed.timed("encode"):
        np.savez(buffer, meta=np.array(_dump(meta).decode()), **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def render_png(parsed: Parsed, request_id: str, pool: Executor) -> bytes:
    """The one map that was asked for."""
    ((name, values),) = parsed.maps.items()
    with parsed.timed("encode"):
        return ENCODERS[name](values)


def render_overlay(parsed: Parsed, request_id: str, pool: Executor) -> bytes:
    """The photograph in its classes' colours."""
    semantics = parsed.manifest.tasks.semantics
    if semantics is None or parsed.photograph is None:
        raise ValueError("an overlay needs the task semantics and the photograph")
    with parsed.timed("encode"):
        colours = [entry.color for entry in semantics.classes]
        return overlay_png(parsed.photograph, parsed.maps["semantics"], colours)


RENDERERS: dict[str, Callable[[Parsed, str, Executor], bytes]] = {
    JSON: render_json,
    ZIP: render_zip,
    NPZ: render_npz,
    PNG: render_png,
}


def describe(parsed: Parsed, request_id: str, canonical: bool = False) -> ParseMeta:
    """Metadata of an answer; `canonical` describes the arrays of npz instead of the PNGs."""
    point, manifest = parsed.point, parsed.manifest
    height, width = point.fit.target(parsed.size)
    source_height, source_width = point.fit.source
    return ParseMeta(
        request_id=request_id,
        model=ModelMeta(name=manifest.name, version=manifest.version),
        budget=BudgetMeta(
            requested=point.requested_budget,
            used=point.used_budget,
            reason=point.reason,
            scale=point.scale,
            share=point.share,
            multiply_adds=point.multiply_adds,
        ),
        image=ImageMeta(height=source_height, width=source_width, format=parsed.format),
        size=SizeMeta(
            mode=parsed.size,
            height=height,
            width=width,
            network=point.fit.fed,
            network_padded=point.fit.padded,
        ),
        milliseconds={stage: round(1000 * parsed.seconds[stage], 3) for stage in STAGES},
        maps={name: describe_map(manifest, name, canonical) for name in parsed.maps},
    )


def describe_map(manifest: ModelManifest, name: str, canonical: bool) -> MapMeta:
    """How to read the map `name` as a PNG, or as an array if `canonical`."""
    meta = (_array_meta if canonical else _png_meta)(manifest)[name]
    if canonical:
        meta.array = name
    semantics, normals = manifest.tasks.semantics, manifest.tasks.normals
    if name == "semantics" and semantics is not None:
        meta.invalid = semantics.void
        meta.classes = semantics.classes
    if name == "normals" and normals is not None:
        meta.frame = normals.frame
    return meta


def headers_of(parsed: Parsed, canonical: bool = False) -> dict[str, str]:
    """Headers that say about every representation what its body may not; `canonical` as in `describe`."""
    point = parsed.point
    timing = ", ".join(f"{stage};dur={1000 * parsed.seconds[stage]:.2f}" for stage in STAGES)
    maps = "; ".join(_map_header(parsed, name, canonical) for name in parsed.maps)
    return {
        "Server-Timing": timing,
        "PAG-Model": parsed.manifest.name,
        "PAG-Model-Version": parsed.manifest.version,
        "PAG-Budget-Requested": repr(point.requested_budget),
        "PAG-Budget-Used": repr(point.used_budget),
        "PAG-Budget-Reason": point.reason,
        "PAG-Scale": repr(point.scale),
        "PAG-Share": f"{point.share:.6f}",
        "PAG-Multiply-Adds": str(point.multiply_adds),
        "PAG-Maps": maps,
    }


def _encode_maps(parsed: Parsed, pool: Executor) -> dict[str, bytes]:
    with parsed.timed("encode"):
        encoded = pool.map(lambda item: ENCODERS[item[0]](item[1]), parsed.maps.items())
        return dict(zip(parsed.maps, encoded, strict=True))


def _png_meta(manifest: ModelManifest) -> dict[str, MapMeta]:
    return {
        "semantics": MapMeta(dtype="uint8", unit="class id"),
        "depth": MapMeta(dtype="uint16", unit="millimetre", invalid=0, formula="metres = v * 0.001"),
        "normals": MapMeta(
            dtype="uint8", unit="unit vector", formula="n = v / 127.5 - 1, red green blue = x y z"
        ),
        "computed": MapMeta(dtype="uint8", unit=COMPUTED_UNIT, formula="share = v / 255"),
    }


def _array_meta(manifest: ModelManifest) -> dict[str, MapMeta]:
    return {
        "semantics": MapMeta(dtype="uint8", unit="class id"),
        "depth": MapMeta(dtype="float32", unit="metre", invalid="NaN"),
        "normals": MapMeta(dtype="float32", unit="unit vector"),
        "computed": MapMeta(dtype="float32", unit=COMPUTED_UNIT),
    }


def _map_header(parsed: Parsed, name: str, canonical: bool) -> str:
    meta = describe_map(parsed.manifest, name, canonical)
    invalid = "" if meta.invalid is None else f",invalid={meta.invalid}"
    return f'{name}="dtype={meta.dtype},unit={meta.unit}{invalid}"'


def _dump(meta: ParseMeta) -> bytes:
    return meta.model_dump_json(exclude_none=True).encode()
