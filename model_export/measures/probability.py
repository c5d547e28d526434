"""Precision and recall of probability maps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from model_export.measures.figure import Figure
from model_export.measures.measure import Array, Compare, Doubles, Sums, check_size, ratio

BINS = 100


@dataclass(frozen=True)
class ProbabilityMeasure:
    """Maps [H, W] in 0..1 against targets [H, W] of 0 or 1, below 0 where it is not known.

    Sums: NAME_present and NAME_absent [..., BINS], histograms of the map where the target is 1 and where it
    is 0. Figures: `NAME_best_f1`, the harmonic mean of precision and recall at the threshold (of BINS, the
    same for all images) at which it is greatest, and `NAME_average_precision`, the area below precision
    against recall.

    Args:
        name: of the task.
    """

    name: str

    @property
    def sums(self) -> tuple[str, ...]:
        """As Measure."""
        return (f"{self.name}_present", f"{self.name}_absent")

    @property
    def figures(self) -> tuple[Figure, ...]:
        """As Measure."""
        return (
            Figure(
                f"{self.name}_best_f1", f"{self.name} F1", f"{self.name} F1, %",
                roles=("card", "printed", "validated", "quality"), about=f"{self.name}, best F1",
            ),
            Figure(
                f"{self.name}_average_precision", f"{self.name} AP", f"{self.name} AP, %",
                roles=("card",), about=f"{self.name}, average precision",
            ),
        )  # fmt: skip

    def prepared(self, target: Array, *, classes: int, metric: bool) -> Compare:
        """As Measure."""
        present, absent = np.flatnonzero(target > 0.5), np.flatnonzero((target >= 0) & (target <= 0.5))

        def compare(values: Array) -> Sums:
            check_size(values, target)
            bins = np.clip(values.ravel() * BINS, 0, BINS - 1).astype(np.intp)
            counts = (np.bincount(bins[places], minlength=BINS) for places in (present, absent))
            return {name: count.astype(np.int64) for name, count in zip(self.sums, counts, strict=True)}

        return compare

    def values(self, sums: Sums) -> dict[str, Doubles]:
        """As Measure."""
        # From the highest bin down: what a threshold at the bin's lower end takes for present.
        hits, false = (np.cumsum(sums[name][..., ::-1], -1, dtype=np.float64) for name in self.sums)
        present = hits[..., -1:]
        precision, recall = ratio(hits, hits + false), ratio(hits, present)
        f1 = ratio(2 * hits, np.where(present > 0, hits + false + present, 0))
        gained = np.diff(recall, axis=-1, prepend=0)
        area = (np.nan_to_num(precision) * gained).sum(-1)
        return {f"{self.name}_best_f1": f1.max(-1), f"{self.name}_average_precision": area}

    def with_intervals(self, sums: Sums) -> tuple[str, ...]:
        """As Measure."""
        return (f"{self.name}_best_f1",)
