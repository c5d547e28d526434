"""Views of a parsed frame: the picture of each map by its kind, the overlay, and all of them side by side."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pag.cli.exit_codes import REFUSED, Stop
from pag.client import MapInfo, Model, Parsing

Pixels = NDArray[np.uint8]
OVERLAY, SIDE_BY_SIDE = "overlay", "side-by-side"
# Metres at the two ends of the colours: the same for all frames, or they would flicker.
NEAR, FAR = 0.5, 10.0


@dataclass(frozen=True)
class View:
    """What a video shows: the overlay of a labels map, one map, or the frame and several maps in a grid."""

    name: str
    maps: tuple[MapInfo, ...]

    def draw(self, frame: Pixels, parsing: Parsing) -> Pixels:
        """Picture uint8 [H,W,3] RGB, of the size that `size` tells, of a frame uint8 [H,W,3] RGB."""
        height, width = frame.shape[:2]
        drawn = [draw_map(info, parsing.maps[info.name], height, width) for info in self.maps]
        if self.name == OVERLAY:
            return np.asarray(cv2.addWeighted(frame, 0.5, drawn[0], 0.5, 0.0), np.uint8)
        return self._grid([frame, *drawn]) if self.name == SIDE_BY_SIDE else drawn[0]

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width in pixels of the picture of a frame of this height and width."""
        rows, columns = self._shape() if self.name == SIDE_BY_SIDE else (1, 1)
        return rows * height, columns * width

    def _shape(self) -> tuple[int, int]:
        """Rows and columns of the grid, which is as near to a square as its pictures allow."""
        count = 1 + len(self.maps)
        columns = math.ceil(math.sqrt(count))
        return math.ceil(count / columns), columns

    def _grid(self, pictures: list[Pixels]) -> Pixels:
        rows, columns = self._shape()
        pictures += [np.zeros_like(pictures[0])] * (rows * columns - len(pictures))
        return np.vstack([np.hstack(pictures[row * columns :][:columns]) for row in range(rows)])


def choose_view(name: str, model: Model) -> View:
    """The view `name`: overlay, side-by-side or a map of the model; Stop if the model has no such map.

    Maps of a kind that is not known here are left out.
    """
    shown = {info.name: info for info in model.maps.values() if info.kind in PICTURES}
    if name == SIDE_BY_SIDE:
        return View(name, tuple(shown[known] for known in model.default_maps if known in shown))
    labels = [info for info in shown.values() if info.kind == "labels"]
    found = labels[:1] if name == OVERLAY else [info for info in shown.values() if info.name == name]
    if not found:
        lack = "map of kind labels for an overlay" if name == OVERLAY else f"map {name} that can be shown"
        raise Stop(REFUSED, f"{model.name} has no {lack}: give --view {', '.join([SIDE_BY_SIDE, *shown])}")
    return View(name, tuple(found))


def draw_map(info: MapInfo, values: NDArray[Any], height: int, width: int) -> Pixels:
    """Picture uint8 [height,width,3] RGB of a map [H,W] or [H,W,3]; KeyError for an unknown kind."""
    return PICTURES[info.kind](info, values, height, width)


def _labels(info: MapInfo, values: NDArray[Any], height: int, width: int) -> Pixels:
    """In the colours of the classes; black where there is none."""
    palette = np.zeros((256, 3), np.uint8)
    for entry in info.classes:
        palette[entry.id] = entry.color
    return np.asarray(palette[_resized(values, height, width, cv2.INTER_NEAREST)], np.uint8)


def _metric(_: MapInfo, values: NDArray[Any], height: int, width: int) -> Pixels:
    """Near is warm, far is cold, unknown is black; in steps of equal ratio, as eyes judge distance."""
    metres = _resized(values, height, width, cv2.INTER_NEAREST)
    known = np.isfinite(metres)
    share = np.log(np.clip(np.where(known, metres, FAR), NEAR, FAR) / NEAR) / np.log(FAR / NEAR)
    warm = np.rint(255 * (1 - share)).astype(np.uint8)
    colours = cv2.cvtColor(cv2.applyColorMap(warm, cv2.COLORMAP_TURBO), cv2.COLOR_BGR2RGB)
    return np.where(known[..., None], colours, 0).astype(np.uint8)


def _vectors(_: MapInfo, values: NDArray[Any], height: int, width: int) -> Pixels:
    """The three axes, each from -1 to 1, as red, green and blue."""
    vectors = _resized(values, height, width, cv2.INTER_LINEAR)
    return np.rint(np.clip((vectors + 1) * 127.5, 0, 255)).astype(np.uint8)


def _share(_: MapInfo, values: NDArray[Any], height: int, width: int) -> Pixels:
    """Grey: black at 0, white at 1."""
    grey = _resized(np.rint(np.clip(255 * values, 0, 255)).astype(np.uint8), height, width, cv2.INTER_NEAREST)
    return np.repeat(grey[..., None], 3, -1)


# Of each kind of map; a newer server may know others.
PICTURES: dict[str, Callable[[MapInfo, NDArray[Any], int, int], Pixels]] = {
    "labels": _labels,
    "probability": _share,
    "metric": _metric,
    "vectors": _vectors,
    "share": _share,
}


def _resized(values: NDArray[Any], height: int, width: int, interpolation: int) -> NDArray[Any]:
    if values.shape[:2] == (height, width):
        return values
    return np.asarray(cv2.resize(values, (width, height), interpolation=interpolation))
