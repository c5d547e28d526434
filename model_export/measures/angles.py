"""Angles between predicted and true vectors, in degrees."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from model_export.measures.figure import Figure
from model_export.measures.measure import Array, Compare, Doubles, Sums, check_size, ratio

LIMITS = {"normal_within_11_25": 11.25, "normal_within_22_5": 22.5, "normal_within_30": 30.0}
BINS_A_DEGREE = 2


@dataclass(frozen=True)
class AngleMeasure:
    """Maps of vectors [H, W, 3], of any length but zero, against unit vectors [H, W, 3], zero where invalid.

    Sums: normals [..., 5], pixels, sum of angles (degrees), pixels within each of LIMITS; angles [..., 180 *
    BINS_A_DEGREE], their histogram. Figures: `normal_mean_degrees`, `normal_median_degrees` (linear within
    half a degree), `normal_within_*`.
    """

    sums: tuple[str, ...] = ("normals", "angles")
    figures: tuple[Figure, ...] = (
        Figure(
            "normal_mean_degrees", "normals mean °", "normals mean, °", 1.0, 2, -1,
            roles=("card", "printed", "validated", "report", "main"), about="Angles, mean error", unit="°",
        ),
        Figure(
            "normal_within_11_25", "< 11.25°", "< 11.25°, %",
            roles=("card", "report"), about="Angles within 11.25°",
        ),
        Figure("normal_within_22_5", "< 22.5°", "< 22.5°, %", roles=("quality",)),
    )  # fmt: skip

    def prepared(self, target: Array, *, classes: int, metric: bool) -> Compare:
        """As Measure."""
        expected = [np.ascontiguousarray(part) for part in np.moveaxis(target, -1, 0)]
        places = np.flatnonzero(sum(part * part for part in expected) > 0.25)

        def compare(vectors: Array) -> Sums:
            check_size(vectors, target)
            angles = _angles(vectors, expected).ravel()[places]
            within = [np.count_nonzero(angles < limit) for limit in LIMITS.values()]
            sums = np.array([angles.size, angles.sum(dtype=np.float64), *within])
            return {"normals": sums, "angles": _histogram(angles)}

        return compare

    def values(self, sums: Sums) -> dict[str, Doubles]:
        """As Measure."""
        normals = sums["normals"]
        shares = {name: ratio(normals[..., 2 + k], normals[..., 0]) for k, name in enumerate(LIMITS)}
        mean = ratio(normals[..., 1], normals[..., 0])
        return {"normal_mean_degrees": mean, "normal_median_degrees": _median(sums["angles"]), **shares}

    def with_intervals(self, sums: Sums) -> tuple[str, ...]:
        """As Measure."""
        return ()


def _angles(vectors: Array, expected: list[Array]) -> Array:
    """Degrees [H, W]; by atan2, which stays exact near 0 and 180 where acos does not."""
    (ax, ay, az), (bx, by, bz) = cv2.split(vectors), expected
    cross = np.sqrt((ay * bz - az * by) ** 2 + (az * bx - ax * bz) ** 2 + (ax * by - ay * bx) ** 2)
    return np.asarray(np.degrees(np.arctan2(cross, ax * bx + ay * by + az * bz)))


def _histogram(angles: Array) -> Array:
    bins = 180 * BINS_A_DEGREE
    places = np.minimum((angles * BINS_A_DEGREE).astype(np.intp), bins - 1)
    return np.bincount(places, minlength=bins).astype(np.int32)


def _median(histogram: Array) -> Doubles:
    """Degrees at which half of the histogram [..., bins] is reached, linear within a bin."""
    reached = np.cumsum(histogram, -1, dtype=np.float64)
    half = reached[..., -1:] / 2
    place = np.argmax(reached >= half, -1)[..., None]
    inside = np.take_along_axis(histogram, place, -1).astype(np.float64)
    below = np.take_along_axis(reached, place, -1) - inside
    degrees = (place + ratio(half - below, inside)) / BINS_A_DEGREE
    return np.asarray(degrees[..., 0])
