"""Geometry of a photograph on its way through a network: resize plans, feeding, resampling of outputs.

Nothing else knows of padding. A pixel (i,j) of an output of stride s covers input pixels [s*i, s*i+s) x
[s*j, s*j+s), so positions follow the half-pixel convention: target row y lies at row (y + 0.5) * scale - 0.5
of the output.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Size = Literal["input", "model"]


@dataclass(frozen=True)
class ResizePlan:
    """Sizes (height, width) of a photograph: as sent, as fed to the network, and as fed with its padding."""

    source: tuple[int, int]
    fed: tuple[int, int]
    padded: tuple[int, int]

    @property
    def pixels(self) -> int:
        """Pixels that the network computes on: those of the padded size."""
        return self.padded[0] * self.padded[1]

    def network_budget(self, budget: float, whole: ResizePlan) -> float:
        """Budget of the graph fed at these sizes that spends `budget` of the work at those of `whole`."""
        return min(1.0, budget * (whole.pixels / self.pixels))

    def target(self, size: Size) -> tuple[int, int]:
        """Height and width of maps of the chosen size."""
        return self.source if size == "input" else self.fed


def plan_resize(
    height: int, width: int, working_pixels: int, multiple: int, scale: float = 1.0
) -> ResizePlan:
    """Sizes at which a photograph of `height` x `width` is fed.

    Its working size is its own, or about `working_pixels` with its aspect kept if it is larger; the long side
    is bounded too, since the short one is padded to `multiple` at least. `scale` in (0,1] makes each side of
    the working size that much smaller.
    """
    longest = max(working_pixels // multiple, multiple)
    fitting = min(1.0, (working_pixels / (height * width)) ** 0.5, longest / max(height, width))
    return _plan((height, width), (height * fitting, width * fitting), multiple, scale)


def plan_scaled(height: int, width: int, multiple: int, scale: float) -> ResizePlan:
    """The same of a photograph whose working size is its own, however large that is."""
    return _plan((height, width), (height, width), multiple, scale)


def _plan(source: tuple[int, int], working: tuple[float, float], multiple: int, scale: float) -> ResizePlan:
    fed_height, fed_width = (max(1, round(side * scale)) for side in working)
    padded = (_round_up(fed_height, multiple), _round_up(fed_width, multiple))
    return ResizePlan(source, (fed_height, fed_width), padded)


def _round_up(side: int, multiple: int) -> int:
    return -(-side // multiple) * multiple


@dataclass(frozen=True)
class Sampling:
    """Where the pixels of a map lie on an output: `scale` output pixels per pixel of the map, per axis."""

    target: tuple[int, int]
    scale: tuple[float, float]

    @property
    def covered(self) -> tuple[float, float]:
        """Rows and columns of the output that the map covers; what lies beyond saw only padding."""
        return self.target[0] * self.scale[0], self.target[1] * self.scale[1]


def feed(pixels: NDArray[np.uint8], plan: ResizePlan) -> NDArray[np.uint8]:
    """uint8 [H,W,3] to the padded uint8 [1,h,w,3]: area-averaged down, bottom and right edge replicated."""
    height, width = plan.fed
    if pixels.shape[:2] != plan.fed:
        pixels = np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    bottom, right = plan.padded[0] - height, plan.padded[1] - width
    return np.pad(pixels, ((0, bottom), (0, right), (0, 0)), mode="edge")[None]


def plan_sampling(plan: ResizePlan, size: Size, stride: int) -> Sampling:
    """How maps of the chosen size sample an output of `stride`."""
    target = plan.target(size)
    scale = (plan.fed[0] / (target[0] * stride), plan.fed[1] / (target[1] * stride))
    return Sampling(target, scale)


def crop_to_needed(values: NDArray[np.float32], sampling: Sampling) -> NDArray[np.float32]:
    """Part of an output [h,w,...] that the map samples: not the rows and columns that saw only padding."""
    rows, columns = (int(np.ceil(length)) + 1 for length in sampling.covered)
    return values[:rows, :columns]


def resample(values: NDArray[np.float32], sampling: Sampling) -> NDArray[np.float32]:
    """Bilinear map float32 [H,W] or [H,W,C] of the output float32 [h,w] or [h,w,C]."""
    height, width = sampling.target
    scale_y, scale_x = sampling.scale
    # Given fx and fy instead of a size, OpenCV keeps the scale exact; what lies beyond is padding.
    wide = cv2.resize(
        np.ascontiguousarray(crop_to_needed(values, sampling)),
        None,
        fx=1 / scale_x,
        fy=1 / scale_y,
        interpolation=cv2.INTER_LINEAR,
    )
    return np.ascontiguousarray(wide[:height, :width], np.float32)


def resample_nearest(values: NDArray[np.float32], sampling: Sampling) -> NDArray[np.float32]:
    """Map float32 [H,W] of the output float32 [h,w]: each pixel as the output's pixel that it lies in."""
    rows, columns = (
        ((np.arange(target) + 0.5) * scale).astype(np.intp)
        for target, scale in zip(sampling.target, sampling.scale, strict=True)
    )
    return values.take(rows, axis=0).take(columns, axis=1)


def resample_vectors(values: NDArray[np.float32], sampling: Sampling) -> NDArray[np.float32]:
    """Bilinear map of unit vectors float32 [H,W,3], of unit length again."""
    vectors = resample(values, sampling)
    length = np.sqrt(np.einsum("hwc,hwc->hw", vectors, vectors))
    vectors /= np.maximum(length, np.float32(1e-6))[..., None]
    return vectors


def unscale_metric(values: NDArray[np.float32], scale: float) -> NDArray[np.float32]:
    """Distances [h,w] as the whole image would give them, from an image fed at `scale` of its working size.

    A network knows one camera, and by it a smaller image shows the scene as much farther away.
    """
    return values if scale == 1 else values * np.float32(scale)


def unscale_vectors(values: NDArray[np.float32], scale: float) -> NDArray[np.float32]:
    """Normals [h,w,3] likewise, of any length: what lies farther away is stretched along z."""
    return values if scale == 1 else values * np.array([scale, scale, 1], np.float32)
