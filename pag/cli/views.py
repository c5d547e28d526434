"""A parsed frame as a picture to look at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from pag.client import Parsing

Pixels = NDArray[np.uint8]
View = Literal["overlay", "semantics", "depth", "normals", "side-by-side"]
# What each view is made of.
TASKS: dict[View, str] = {
    "overlay": "semantics",
    "semantics": "semantics",
    "depth": "depth",
    "normals": "normals",
    "side-by-side": "semantics,depth,normals",
}
# Metres between the two ends of the colours: the same for all frames, or they would flicker.
NEAR, FAR = 0.5, 10.0


def draw(view: View, frame: Pixels, parsing: Parsing) -> Pixels:
    """Picture uint8 [H,W,3] RGB of the frame's size, or twice that per side for side-by-side."""
    if view == "side-by-side":
        rows = [[frame, _semantics(frame, parsing)], [_depth(frame, parsing), _normals(frame, parsing)]]
        return np.vstack([np.hstack(row) for row in rows])
    return DRAWN[view](frame, parsing)


def drawn_size(view: View, height: int, width: int) -> tuple[int, int]:
    """Height and width of the picture of a frame."""
    return (2 * height, 2 * width) if view == "side-by-side" else (height, width)


def _overlay(frame: Pixels, parsing: Parsing) -> Pixels:
    return np.asarray(cv2.addWeighted(frame, 0.5, _semantics(frame, parsing), 0.5, 0.0), np.uint8)


def _semantics(frame: Pixels, parsing: Parsing) -> Pixels:
    assert parsing.semantics is not None
    palette = np.zeros((256, 3), np.uint8)
    for entry in parsing.classes:
        palette[entry.id] = entry.color
    return np.asarray(palette[_fitted(parsing.semantics, frame, cv2.INTER_NEAREST)], np.uint8)


def _depth(frame: Pixels, parsing: Parsing) -> Pixels:
    """Near is warm, far is cold, unknown is black; in steps of equal ratio, as eyes judge distance."""
    assert parsing.depth is not None
    depth = _fitted(parsing.depth, frame, cv2.INTER_NEAREST)
    known = np.isfinite(depth)
    share = np.log(np.clip(np.where(known, depth, FAR), NEAR, FAR) / NEAR) / np.log(FAR / NEAR)
    warm = np.rint(255 * (1 - share)).astype(np.uint8)
    colours = cv2.cvtColor(cv2.applyColorMap(warm, cv2.COLORMAP_TURBO), cv2.COLOR_BGR2RGB)
    return np.where(known[..., None], colours, 0).astype(np.uint8)


def _normals(frame: Pixels, parsing: Parsing) -> Pixels:
    assert parsing.normals is not None
    normals = _fitted(parsing.normals, frame, cv2.INTER_LINEAR)
    return np.rint(np.clip((normals + 1) * 127.5, 0, 255)).astype(np.uint8)


DRAWN: dict[str, Callable[[Pixels, Parsing], Pixels]] = {
    "overlay": _overlay,
    "semantics": _semantics,
    "depth": _depth,
    "normals": _normals,
}


def _fitted(values: NDArray[Any], frame: Pixels, interpolation: int) -> NDArray[Any]:
    height, width = frame.shape[:2]
    if values.shape[:2] == (height, width):
        return values
    return np.asarray(cv2.resize(values, (width, height), interpolation=interpolation))
