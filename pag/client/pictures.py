"""Maps as people see them: a picture of each by its kind, a notebook's view, and a cloud of points as PLY."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

Pixels = NDArray[np.uint8]
# Colours of distances that grow by equal ratios: near is warm, far is cold.
NEAR_TO_FAR = np.array(
    [(122, 4, 3), (226, 67, 10), (252, 180, 54), (164, 252, 60), (27, 207, 212), (48, 18, 59)]
)
SHOWN_WIDTH = 320


def picture(info: Any, values: NDArray[Any]) -> Pixels | None:
    """Picture uint8 [H,W,3] RGB of a map [H,W] or [H,W,3] that `info` describes; None for an unknown kind."""
    draw = PICTURES.get(info.kind)
    return None if draw is None else draw(info, values)


def _labels(info: Any, values: NDArray[Any]) -> Pixels:
    palette = np.zeros((256, 3), np.uint8)
    for entry in info.classes:
        palette[entry.id] = entry.color
    return np.asarray(palette[values], np.uint8)


def _metric(_: Any, values: NDArray[Any]) -> Pixels:
    """From the nearest to the farthest pixel of this map; black where not known."""
    known = np.isfinite(values) & (values > 0)
    if not known.any():
        return np.zeros((*values.shape, 3), np.uint8)
    log = np.log(np.where(known, values, 1))
    near, far = log[known].min(), log[known].max()
    place = (log - near) / max(far - near, 1e-6) * (len(NEAR_TO_FAR) - 1)
    steps = np.arange(len(NEAR_TO_FAR))
    colours = np.stack([np.interp(place, steps, NEAR_TO_FAR[:, channel]) for channel in range(3)], -1)
    return np.where(known[..., None], np.rint(colours), 0).astype(np.uint8)


def _vectors(_: Any, values: NDArray[Any]) -> Pixels:
    return np.rint(np.clip((values + 1) * 127.5, 0, 255)).astype(np.uint8)


def _share(_: Any, values: NDArray[Any]) -> Pixels:
    grey = np.rint(np.clip(255 * values, 0, 255)).astype(np.uint8)
    return np.repeat(grey[..., None], 3, -1)


PICTURES: dict[str, Callable[[Any, NDArray[Any]], Pixels]] = {
    "labels": _labels,
    "probability": _share,
    "metric": _metric,
    "vectors": _vectors,
    "share": _share,
}


def as_html(heading: str, maps: Mapping[str, NDArray[Any]], map_info: Mapping[str, Any]) -> str:
    """Heading and pictures for a notebook, at most `SHOWN_WIDTH` pixels wide."""
    cells = []
    for name, values in maps.items():
        pixels = picture(map_info[name], values)
        if pixels is None:
            continue
        image = PillowImage.fromarray(pixels)
        image.thumbnail((SHOWN_WIDTH, 10 * SHOWN_WIDTH), PillowImage.Resampling.NEAREST)
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
        source = f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
        cells.append(
            f'<figure style="display:inline-block;margin:4px"><img src="{source}" alt="{html.escape(name)}">'
            f"<figcaption>{html.escape(name)}</figcaption></figure>"
        )
    return f"<div><p>{html.escape(heading)}</p>{''.join(cells)}</div>"


@dataclass(frozen=True, eq=False)
class PointCloud:
    """Points of a depth map: those whose distance is known."""

    #: float32 [N,3], metres; x right, y down, z away from the camera.
    points: NDArray[np.float32]
    #: uint8 [N,3] RGB.
    colors: Pixels

    def save(self, path: str | Path) -> None:
        """Write a binary PLY file, which MeshLab, CloudCompare, Blender and Open3D read."""
        if Path(path).suffix.lower() != ".ply":
            raise ValueError(f"a cloud is written as PLY: name the file .ply, not {Path(path).name!r}")
        rows = np.empty(
            len(self.points),
            [(axis, "<f4") for axis in "xyz"] + [(c, "u1") for c in ("red", "green", "blue")],
        )
        for place, axis in enumerate("xyz"):
            rows[axis] = self.points[:, place]
        for place, colour in enumerate(("red", "green", "blue")):
            rows[colour] = self.colors[:, place]
        lines = ["ply", "format binary_little_endian 1.0", f"element vertex {len(rows)}"]
        lines += [f"property float {axis}" for axis in "xyz"]
        lines += [f"property uchar {colour}" for colour in ("red", "green", "blue")]
        Path(path).write_bytes("\n".join([*lines, "end_header\n"]).encode() + rows.tobytes())

    def __repr__(self) -> str:
        return f"<PointCloud of {len(self.points)} points>"
