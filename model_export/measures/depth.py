"""Depth: shares within a factor, root mean square and relative errors, as it is and aligned by the median."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from model_export.measures.figure import Figure
from model_export.measures.measure import Array, Compare, Doubles, Sums, check_size, ratio

DELTAS = (1.25, 1.25**2, 1.25**3)
_NEAREST_METRES = np.float32(1e-6)


@dataclass(frozen=True)
class DepthMeasure:
    """Depth maps [H, W] in metres against depth [H, W], 0 where it is not known.

    Sums [..., 6]: pixels, pixels within each of DELTAS, sum of squared errors (square metres), sum of
    relative errors. `depth` has those of images whose depth is trusted as metres, `depth_aligned` those of
    all images, each map scaled to the truth's median. Figures: `delta1..3` (share with max(p/t, t/p) <
    1.25^k), `rmse` (metres) and `abs_rel`, each also `_aligned` (`rmse_aligned` is in the unit of the truth,
    whose scale may be off).
    """

    sums: tuple[str, ...] = ("depth", "depth_aligned")
    figures: tuple[Figure, ...] = (
        Figure(
            "delta1", "delta1 (est. scale)", "δ1 est. scale, %",
            roles=("card", "printed", "report"), about="Distances within 25 % (δ1)",
        ),
        Figure(
            "delta1_aligned", "delta1 (aligned)", "δ1 aligned, %",
            roles=("card", "printed", "validated", "quality", "report", "main"),
            about="Distances within 25 % (δ1), median-aligned",
        ),
    )  # fmt: skip

    def prepared(self, target: Array, *, classes: int, metric: bool) -> Compare:
        """As Measure."""
        places = np.flatnonzero(target > 0)
        depth = target.ravel()[places]
        median = np.median(depth) if depth.size else np.float32(1)

        def compare(values: Array) -> Sums:
            check_size(values, target)
            if not depth.size:
                return {name: np.zeros(6) for name in self.sums}
            given = np.maximum(values.ravel()[places], _NEAREST_METRES)
            plain = _errors(given, depth) if metric else np.zeros(6)
            return {"depth": plain, "depth_aligned": _errors(given * (median / np.median(given)), depth)}

        return compare

    def values(self, sums: Sums) -> dict[str, Doubles]:
        """As Measure."""
        aligned = {f"{name}_aligned": value for name, value in _figures(sums["depth_aligned"]).items()}
        return _figures(sums["depth"]) | aligned

    def with_intervals(self, sums: Sums) -> tuple[str, ...]:
        """As Measure."""
        return ("delta1", "delta1_aligned")


def _errors(given: Array, expected: Array) -> Array:
    quotient, error = given / expected, given - expected
    within = [np.count_nonzero((quotient < delta) & (quotient > 1 / delta)) for delta in DELTAS]
    squared = np.square(error).sum(dtype=np.float64)
    return np.array([given.size, *within, squared, np.abs(quotient - 1).sum(dtype=np.float64)])


def _figures(sums: Array) -> dict[str, Doubles]:
    count = sums[..., 0]
    deltas = {f"delta{k}": ratio(sums[..., k], count) for k in range(1, 1 + len(DELTAS))}
    return {**deltas, "rmse": np.sqrt(ratio(sums[..., 4], count)), "abs_rel": ratio(sums[..., 5], count)}
