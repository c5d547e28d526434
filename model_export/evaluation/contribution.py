"""What one image contributes to the figures: its maps at full resolution against its targets."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from model_export.data.classes import NYU40
from model_export.data.sample import VOID, Sample
from model_export.evaluation.metrics import BINS_A_DEGREE, DELTAS, LIMITS, Array, Statistics

Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[np.integer]

_NEAREST_METRES = np.float32(1e-6)


class Targets:
    """A sample's targets, prepared once to be compared with the maps of many points.

    Pixels that are void, without depth or without a normal count nowhere, not as false positives either.
    """

    def __init__(self, sample: Sample, classes: int = len(NYU40)) -> None:
        self._shape, self._classes = sample.labels.shape, classes
        known = sample.labels[sample.labels != VOID]
        if known.size and known.max() >= classes:
            raise ValueError(f"a label of the truth goes beyond 0..{classes - 1}")
        # Void is one row more of the confusion, dropped later: cheaper than picking the known pixels.
        rows = np.minimum(sample.labels, classes).astype(np.intp)
        self._first_cell = rows * classes
        self._depth_at = np.flatnonzero(sample.depth > 0)
        self._depth = sample.depth.ravel()[self._depth_at]
        self._depth_median = np.median(self._depth) if self._depth.size else np.float32(1)
        self._metric = sample.depth_metric
        self._normals = [np.ascontiguousarray(part) for part in np.moveaxis(sample.normals, -1, 0)]
        self._normals_at = np.flatnonzero(sum(part * part for part in self._normals) > 0.25)

    def compare(
        self, labels: Labels | None, depth: Floats | None = None, normals: Floats | None = None
    ) -> Statistics:
        """Of maps [H, W], [H, W] metres and [H, W, 3] (of any length but zero), without leading axes.

        A map that the network does not give contributes nothing.

        Raises:
            ValueError: a map has another size than the targets, or a label is not a class.
        """
        shapes = [values.shape[:2] for values in (labels, depth, normals) if values is not None]
        if any(shape != self._shape for shape in shapes):
            raise ValueError(f"maps {shapes} are not {self._shape}")
        angles = np.zeros(0, np.float32) if normals is None else self._angles(normals)
        plain, aligned = (np.zeros(6), np.zeros(6)) if depth is None else self._depth_errors(depth)
        within = [np.count_nonzero(angles < limit) for limit in LIMITS.values()]
        return Statistics(
            confusion=self._confusion(labels),
            depth=plain,
            depth_aligned=aligned,
            normals=np.array([angles.size, angles.sum(dtype=np.float64), *within]),
            angles=_histogram(angles),
        )

    def _confusion(self, labels: Labels | None) -> Array:
        classes = self._classes
        if labels is None:
            return np.zeros((classes, classes), np.int32)
        if labels.size and not 0 <= labels.min() <= labels.max() < classes:
            raise ValueError(f"a predicted label goes beyond 0..{classes - 1}")
        cells = (self._first_cell + labels).ravel()
        counts = np.bincount(cells, minlength=classes * (classes + 1))[: classes * classes]
        return counts.astype(np.int32).reshape(classes, classes)

    def _depth_errors(self, depth: Floats) -> tuple[Array, Array]:
        """Sums of the depths as they are, zero where the truth is no metres, and aligned by the median."""
        if not self._depth.size:
            return np.zeros(6), np.zeros(6)
        given = np.maximum(depth.ravel()[self._depth_at], _NEAREST_METRES)
        plain = _depth_sums(given, self._depth) if self._metric else np.zeros(6)
        return plain, _depth_sums(given * (self._depth_median / np.median(given)), self._depth)

    def _angles(self, normals: Floats) -> Floats:
        """Degrees at valid pixels [P]; by atan2, which stays exact near 0 and 180 where acos does not."""
        (ax, ay, az), (bx, by, bz) = cv2.split(normals), self._normals
        cross = np.sqrt((ay * bz - az * by) ** 2 + (az * bx - ax * bz) ** 2 + (ax * by - ay * bx) ** 2)
        angles = np.degrees(np.arctan2(cross, ax * bx + ay * by + az * bz))
        return np.asarray(angles.ravel()[self._normals_at])


def _depth_sums(given: Floats, expected: Floats) -> Array:
    ratio, error = given / expected, given - expected
    within = [np.count_nonzero((ratio < delta) & (ratio > 1 / delta)) for delta in DELTAS]
    squared = np.square(error).sum(dtype=np.float64)
    return np.array([given.size, *within, squared, np.abs(ratio - 1).sum(dtype=np.float64)])


def _histogram(angles: Floats) -> Array:
    bins = 180 * BINS_A_DEGREE
    places = np.minimum((angles * BINS_A_DEGREE).astype(np.intp), bins - 1)
    return np.bincount(places, minlength=bins).astype(np.int32)
