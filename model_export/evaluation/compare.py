"""Paired comparison of two networks on the same images: differences of figures and their intervals."""

from __future__ import annotations

from dataclasses import dataclass

from model_export.evaluation import bootstrap
from model_export.evaluation.evaluate import Evaluation
from model_export.evaluation.points import Point
from model_export.evaluation.statistics import figures_of
from model_export.measures.measure import Doubles


@dataclass(frozen=True)
class Measured:
    """Every figure of one point over all images, and in each resample [RESAMPLES].

    Figures of points on the same images may be combined linearly: their resamples are the same draws.
    """

    images: tuple[str, ...]
    values: dict[str, float]
    resamples: dict[str, Doubles]

    @classmethod
    def of(cls, evaluation: Evaluation, point: Point) -> Measured:
        """One point of an evaluation."""
        statistics = evaluation.at(point)
        return cls(evaluation.images, figures_of(statistics), bootstrap.resampled_figures(statistics))

    def interval(self, figure: str) -> bootstrap.Interval:
        """Of the figure, by bootstrap."""
        return bootstrap.interval(self.resamples[figure])

    def towards(self, other: Measured, weight: float) -> Measured:
        """(1 - weight) of this one and `weight` of the other, figure by figure."""
        _check_same_images(self, other)
        values = {name: (1 - weight) * a + weight * other.values[name] for name, a in self.values.items()}
        mixed = {
            name: (1 - weight) * a + weight * other.resamples[name] for name, a in self.resamples.items()
        }
        return Measured(self.images, values, mixed)


def difference(a: Measured, b: Measured, figure: str) -> tuple[float, float, float]:
    """(value, low, high): the figure of a less that of b, with its paired bootstrap interval.

    Raises:
        ValueError: the two were measured on different images.
    """
    _check_same_images(a, b)
    low, high = bootstrap.interval(a.resamples[figure] - b.resamples[figure])
    return a.values[figure] - b.values[figure], low, high


def _check_same_images(a: Measured, b: Measured) -> None:
    if a.images != b.images:
        raise ValueError(f"measured on different images: {len(a.images)} and {len(b.images)} of them")
