"""Statistics: what each image contributes to the figures, and the figures that images give together.

An image's contribution is a few small arrays, the sums of the tasks' measures. Figures are functions of their
sums, so any set of images, a resampled one too, is evaluated without looking at a pixel again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from model_export.measures.measure import Array, Doubles, Measure
from model_export.networks.tasks import TASKS


@dataclass(frozen=True)
class Statistics:
    """Sums over pixels, with any leading axes in common (images, points, resamples).

    Attributes:
        sums: name -> array, of the measures of the tasks that the network has.
    """

    sums: Mapping[str, Array]

    def __len__(self) -> int:
        """Length of the first leading axis."""
        return len(next(iter(self.sums.values()), ()))

    def __getitem__(self, index: Any) -> Statistics:
        """Of part of the leading axes."""
        return Statistics({name: value[index] for name, value in self.sums.items()})

    def pooled(self) -> Statistics:
        """The sums over the first axis, the images."""
        return Statistics({name: value.sum(0) for name, value in self.sums.items()})

    def resampled(self, weights: Doubles) -> Statistics:
        """The sums with images counted as often as weights [resamples, images] say; resamples lead."""
        return Statistics(
            {
                name: (weights @ value.reshape(len(value), -1)).reshape(len(weights), *value.shape[1:])
                for name, value in self.sums.items()
            }
        )

    def measures(self) -> list[Measure]:
        """Those whose sums are here, in the order of the tasks."""
        return [task.measure for task in TASKS.values() if self.sums.keys() >= set(task.measure.sums)]


def stacked(parts: Sequence[Statistics]) -> Statistics:
    """One more leading axis, along the parts."""
    return Statistics({name: np.stack([part.sums[name] for part in parts]) for name in parts[0].sums})


def figures(pooled: Statistics) -> dict[str, Doubles]:
    """Every figure by name, each with the leading axes of `pooled`; NaN where no pixel counts."""
    return {name: v for measure in pooled.measures() for name, v in measure.values(pooled.sums).items()}


def figures_of(images: Statistics) -> dict[str, float]:
    """Every figure over all of the first axis, the images."""
    return {name: float(value) for name, value in figures(images.pooled()).items()}


def with_intervals(statistics: Statistics) -> list[str]:
    """Names of the figures whose intervals stand in a manifest."""
    return [name for measure in statistics.measures() for name in measure.with_intervals(statistics.sums)]
