"""The representations of an answer: the one table of them, how each is rendered, and their metadata."""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from service.engine.job import STAGES, Parsed
from service.maps import kind_of, rgb_png
from service.model_folder.manifest import ModelManifest
from service.model_folder.maps import LabelsMap
from service.schemas.parse import BudgetMeta, ImageMeta, MapMeta, MapSummary, ModelMeta, ParseMeta, SizeMeta
from service.summaries import summarise

META_FILE = "meta.json"
JSON, PNG = "application/json", "image/png"


@dataclass(frozen=True)
class Representation:
    """One form of an answer.

    Attributes:
        name: chosen by a stream's `answer`; the costs of rendering are learned by it.
        canonical: whether it holds the canonical arrays of the maps, not their PNGs.
        render: makes its bytes of a parsed image and a request's id, in a codec thread; may spread its work
            over the executor. Raises Cancelled or
            DeadlineExceeded once the client has left or the deadline has passed.
        content: all maps of the request, its only map, the photograph with labels painted over it, or
            numbers in place of pixels.
    """

    name: str
    media_type: str
    canonical: bool
    render: Callable[[Parsed, str, Executor], bytes]
    content: Literal["maps", "one map", "overlay", "summary", "regions"] = "maps"

    def renderer(self, request_id: str) -> Callable[[Parsed, Executor], bytes]:
        """`render` for one request, as the engine calls it."""
        return lambda parsed, pool: self.render(parsed, request_id, pool)


def representation(name: str) -> Representation:
    """The representation of that name."""
    return next(each for each in REPRESENTATIONS if each.name == name)


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
        arrays = {
            name: kind_of(parsed.manifest.map(name)).canonical(values) for name, values in parsed.maps.items()
        }
    meta = describe(parsed, request_id, canonical=True)
    with parsed.timed("encode"):
        np.savez(buffer, meta=np.array(_dump(meta).decode()), **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def render_png(parsed: Parsed, request_id: str, pool: Executor) -> bytes:
    """The only map as a PNG."""
    (item,) = parsed.maps.items()
    with parsed.timed("encode"):
        return _encode_map(parsed, item)


def render_overlay(parsed: Parsed, request_id: str, pool: Executor) -> bytes:
    """The photograph in the colours of the classes of its only map, which is of kind labels."""
    ((name, labels),) = parsed.maps.items()
    entry = parsed.manifest.map(name)
    if not isinstance(entry, LabelsMap) or parsed.photograph is None:
        raise ValueError("an overlay needs a map of kind labels and the photograph")
    with parsed.timed("encode"):
        return overlay_png(parsed.photograph, labels, [each.color for each in entry.classes])


def render_summary(parsed: Parsed, request_id: str, pool: Executor, *, regions: bool) -> bytes:
    """Metadata with a summary of each map in place of its pixels."""

    def one(item: tuple[str, NDArray[Any]]) -> MapSummary:
        entry = parsed.manifest.map(item[0])
        return summarise(entry, kind_of(entry).canonical(item[1]), regions=regions)

    with parsed.timed("encode"):
        summaries = list(pool.map(one, parsed.maps.items()))
    meta = describe(parsed, request_id, canonical=True)
    for name, summary in zip(parsed.maps, summaries, strict=True):
        meta.maps[name].array, meta.maps[name].summary = None, summary
    return _dump(meta)


def overlay_png(
    photograph: NDArray[np.uint8], labels: NDArray[np.uint8], colours: Sequence[tuple[int, int, int]]
) -> bytes:
    """RGB PNG of the photograph uint8 [H,W,3] and the classes' colours, half and half."""
    palette = np.zeros((256, 3), np.uint8)
    palette[: len(colours)] = colours
    blended = cv2.addWeighted(photograph, 0.5, palette[labels], 0.5, 0.0)
    return rgb_png(np.asarray(blended, np.uint8))


# In the order of preference where an Accept header leaves the choice.
REPRESENTATIONS = (
    Representation("json", JSON, False, render_json),
    Representation("zip", "application/zip", False, render_zip),
    Representation("npz", "application/x-npz", True, render_npz),
    Representation("png", PNG, False, render_png, "one map"),
    Representation("overlay", PNG, False, render_overlay, "overlay"),
    Representation("summary", JSON, True, partial(render_summary, regions=False), "summary"),
    Representation("regions", JSON, True, partial(render_summary, regions=True), "regions"),
)


def warmed_up() -> dict[str, Callable[[Parsed, Executor], bytes]]:
    """Renderers of the representations that hold all maps, by name, for the engine's warm-up."""
    return {each.name: each.renderer("") for each in REPRESENTATIONS if each.content == "maps"}


def describe(parsed: Parsed, request_id: str, canonical: bool = False) -> ParseMeta:
    """Metadata of an answer that holds PNGs of the maps, or the canonical arrays."""
    point, manifest = parsed.point, parsed.manifest
    height, width = point.resize.target(parsed.size)
    source_height, source_width = point.resize.source
    return ParseMeta(
        request_id=request_id,
        model=ModelMeta(name=manifest.name, version=manifest.version),
        budget=BudgetMeta(
            requested=point.requested_budget,
            used=point.used_budget,
            reason=point.reason,
            scale=point.scale,
            share=round(point.share, 6),
            multiply_adds=point.multiply_adds,
        ),
        image=ImageMeta(height=source_height, width=source_width, format=parsed.format),
        size=SizeMeta(
            mode=parsed.size,
            height=height,
            width=width,
            network=point.resize.fed,
            network_padded=point.resize.padded,
        ),
        milliseconds={stage: round(1000 * parsed.seconds[stage], 3) for stage in STAGES},
        maps={name: describe_map(manifest, name, canonical) for name in parsed.maps},
    )


def describe_map(manifest: ModelManifest, name: str, canonical: bool) -> MapMeta:
    """Metadata of the map `name` as a PNG, or as an array if `canonical`."""
    entry = manifest.map(name)
    kind = kind_of(entry)
    stored = kind.stored(canonical)
    meta = {"kind": entry.kind, **asdict(stored), **kind.facts(entry)}
    return MapMeta(**meta, array=name if canonical else None)


# What `headers_of` says, for people.
HEADERS = {
    "Server-Timing": "Milliseconds of each stage of this request.",
    "PAG-Model": "The model that answered.",
    "PAG-Model-Version": "Its version.",
    "PAG-Budget-Requested": "The budget in force before anything lowered it.",
    "PAG-Budget-Used": "The budget that was spent at most, in (0,1].",
    "PAG-Budget-Reason": "Why this budget: client, default, floor, deadline or brownout.",
    "PAG-Scale": "Sides of the image that the network saw, as a share of those at budget 1.",
    "PAG-Share": "Multiply-adds of this image, as a share of the full network's.",
    "PAG-Multiply-Adds": "Multiply-adds of this image.",
    "PAG-Maps": "What each map holds: kind, unit, values that are not known.",
}


def headers_of(parsed: Parsed, canonical: bool = False) -> dict[str, str]:
    """Headers that say of every representation what its body may not; `canonical` as in `describe`."""
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
        encoded = pool.map(lambda item: _encode_map(parsed, item), parsed.maps.items())
        return dict(zip(parsed.maps, encoded, strict=True))


def _encode_map(parsed: Parsed, item: tuple[str, NDArray[Any]]) -> bytes:
    name, values = item
    return kind_of(parsed.manifest.map(name)).encode(values)


def _map_header(parsed: Parsed, name: str, canonical: bool) -> str:
    meta = describe_map(parsed.manifest, name, canonical)
    invalid = "" if meta.invalid is None else f",invalid={meta.invalid}"
    return f'{name}="dtype={meta.dtype},unit={meta.unit}{invalid}"'


def _dump(meta: ParseMeta) -> bytes:
    return meta.model_dump_json(exclude_none=True).encode()
