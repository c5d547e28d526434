"""Quality of dense parsing: what each image contributes, and the figures that images give together.

An image's contribution is a few small arrays (`Statistics`). Figures are functions of their sums, so any set
of images, a resampled one too, is evaluated without looking at a pixel again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from model_export.data.classes import NYU40_TO_13

DELTAS = (1.25, 1.25**2, 1.25**3)
LIMITS = {"normal_within_11_25": 11.25, "normal_within_22_5": 22.5, "normal_within_30": 30.0}
BINS_A_DEGREE = 2

Array = npt.NDArray[Any]
Doubles = npt.NDArray[np.float64]
Counts = npt.NDArray[np.integer]


@dataclass(frozen=True)
class Statistics:
    """Sums over pixels, with any leading axes in common (images, points, resamples).

    Attributes:
        confusion: [..., K, K] pixels by [truth, prediction].
        depth: [..., 6] of images whose depth is trusted as metres: pixels, pixels within each of DELTAS, sum
            of squared errors (square metres), sum of relative errors.
        depth_aligned: [..., 6] likewise of all images, each scaled to the truth's median.
        normals: [..., 5] pixels, sum of angles (degrees), pixels within each of LIMITS.
        angles: [..., 180 * BINS_A_DEGREE] histogram of angles.
    """

    confusion: Array
    depth: Array
    depth_aligned: Array
    normals: Array
    angles: Array

    def __getitem__(self, index: Any) -> Statistics:
        """Of part of the leading axes."""
        return Statistics(**{name: value[index] for name, value in self.arrays().items()})

    def arrays(self) -> dict[str, Array]:
        """The attributes by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def pooled(self) -> Statistics:
        """The sums over the first axis, the images."""
        return Statistics(**{name: value.sum(0) for name, value in self.arrays().items()})

    def resampled(self, weights: Doubles) -> Statistics:
        """The sums with images counted as often as weights [resamples, images] say; resamples lead."""
        return Statistics(
            **{
                name: (weights @ value.reshape(len(value), -1)).reshape(len(weights), *value.shape[1:])
                for name, value in self.arrays().items()
            }
        )


def stacked(parts: Sequence[Statistics]) -> Statistics:
    """One more leading axis, along the parts."""
    arrays = [part.arrays() for part in parts]
    return Statistics(**{name: np.stack([each[name] for each in arrays]) for name in arrays[0]})


def figures(pooled: Statistics) -> dict[str, Doubles]:
    """Every figure by name, each with the leading axes of `pooled`; NaN where no pixel counts.

    `miou40` and `miou13`: mean over the classes present in the truth; `pixel_accuracy`; `delta1..3` (share
    with max(p/t, t/p) < 1.25^k), `rmse` (metres), `abs_rel`, each also `_aligned` (`rmse_aligned` is in the
    unit of the truth, whose scale may be off); `normal_mean_degrees`, `normal_median_degrees` (linear within
    half a degree), `normal_within_*`.
    """
    aligned = {f"{name}_aligned": value for name, value in _depth(pooled.depth_aligned).items()}
    return {**_semantics(pooled.confusion), **_depth(pooled.depth), **aligned, **_normals(pooled)}


def figures_of(images: Statistics) -> dict[str, float]:
    """Every figure over all of the first axis, the images."""
    return {name: float(value) for name, value in figures(images.pooled()).items()}


def iou_per_class(confusion: Array) -> Doubles:
    """TP / (TP + FP + FN) per class of confusion [..., truth, prediction]; NaN if absent from the truth."""
    hits = np.diagonal(confusion, axis1=-2, axis2=-1).astype(np.float64)
    present = confusion.sum(-1)
    union = present + confusion.sum(-2) - hits
    return np.where(present > 0, hits / np.maximum(union, 1), np.nan)


def merge_classes(confusion: Array, mapping: Sequence[int]) -> Array:
    """The confusion matrix had predictions and labels both been mapped to other classes by `mapping`."""
    member = np.zeros((len(mapping), max(mapping) + 1), confusion.dtype)
    member[np.arange(len(mapping)), list(mapping)] = 1
    merged: Array = member.T @ confusion @ member
    return merged


def _semantics(confusion: Array) -> dict[str, Doubles]:
    classes = confusion.shape[-1]
    result = {f"miou{classes}": _mean_present(iou_per_class(confusion))}
    if classes == len(NYU40_TO_13):
        result["miou13"] = _mean_present(iou_per_class(merge_classes(confusion, NYU40_TO_13)))
    hits = np.trace(confusion, axis1=-2, axis2=-1)
    return result | {"pixel_accuracy": _ratio(hits, confusion.sum((-2, -1)))}


def _depth(sums: Array) -> dict[str, Doubles]:
    count = sums[..., 0]
    deltas = {f"delta{k}": _ratio(sums[..., k], count) for k in range(1, 1 + len(DELTAS))}
    return {**deltas, "rmse": np.sqrt(_ratio(sums[..., 4], count)), "abs_rel": _ratio(sums[..., 5], count)}


def _normals(pooled: Statistics) -> dict[str, Doubles]:
    sums = pooled.normals
    shares = {name: _ratio(sums[..., 2 + k], sums[..., 0]) for k, name in enumerate(LIMITS)}
    mean = _ratio(sums[..., 1], sums[..., 0])
    return {"normal_mean_degrees": mean, "normal_median_degrees": _median(pooled.angles), **shares}


def _median(histogram: Array) -> Doubles:
    """Degrees at which half of the histogram [..., bins] is reached, linear within a bin."""
    reached = np.cumsum(histogram, -1, dtype=np.float64)
    half = reached[..., -1:] / 2
    place = np.argmax(reached >= half, -1)[..., None]
    inside = np.take_along_axis(histogram, place, -1).astype(np.float64)
    below = np.take_along_axis(reached, place, -1) - inside
    degrees = (place + _ratio(half - below, inside)) / BINS_A_DEGREE
    return np.asarray(degrees[..., 0])


def _ratio(part: Array, whole: Array) -> Doubles:
    """part / whole, NaN where the whole is 0."""
    return np.asarray(np.where(whole > 0, part / np.maximum(whole, 1), np.nan), np.float64)


def _mean_present(values: Doubles) -> Doubles:
    present = np.isfinite(values)
    return _ratio(np.where(present, values, 0).sum(-1), present.sum(-1))
