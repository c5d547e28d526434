"""Evaluation of a network on a data split at several points, in torch or in ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from model_export.common.sizes import SIZE_MULTIPLE
from model_export.data.classes import NYU40
from model_export.data.loader import Samples, collate
from model_export.data.sample import Sample
from model_export.evaluation.full_size import full_size
from model_export.evaluation.points import Point
from model_export.evaluation.statistics import Statistics, figures_of, stacked
from model_export.export.predictors import Predictor
from model_export.measures.measure import Array, Compare
from model_export.networks.tasks import TASKS
from service.model_folder.geometry import feed, plan_scaled


@dataclass(frozen=True)
class Evaluation:
    """What the images contributed at each point.

    Attributes:
        points: in the order given.
        images: ids.
        statistics: leading axes [points, images].
    """

    points: tuple[Point, ...]
    images: tuple[str, ...]
    statistics: Statistics

    def at(self, point: Point) -> Statistics:
        """Leading axis [images]. Raises KeyError for a point that was not evaluated."""
        if point not in self.points:
            raise KeyError(f"{point} was not evaluated, there are {', '.join(map(str, self.points))}")
        return self.statistics[self.points.index(point)]

    def figures(self, point: Point) -> dict[str, float]:
        """Every figure over all images."""
        return figures_of(self.at(point))


class Targets:
    """A sample's targets, each prepared once to be compared with the maps of many points.

    Pixels that are void, without depth or without a normal count nowhere, not as false positives either.
    """

    def __init__(self, sample: Sample, classes: int = len(NYU40)) -> None:
        self._sample, self._classes = sample, classes
        self._prepared: dict[str, Compare] = {}

    def compare(self, maps: Mapping[str, Array]) -> Statistics:
        """Of maps [H, W, ...] by task, at the targets' size, without leading axes.

        Raises:
            ValueError: a map has another size than the targets, or a label is not a class.
        """
        parts = [self._of(name)(values) for name, values in maps.items()]
        return Statistics({name: array for part in parts for name, array in part.items()})

    def _of(self, name: str) -> Compare:
        if name not in self._prepared:
            task, sample = TASKS[name], self._sample
            target = task.target(collate([sample]))[0].numpy()
            self._prepared[name] = task.measure.prepared(
                target, classes=self._classes, metric=sample.depth_metric
            )
        return self._prepared[name]


class SplitMetrics:
    """Figures of maps that came at the images' own resolution, gathered image by image."""

    def __init__(self) -> None:
        self._parts: list[Statistics] = []

    def update_full(self, maps: Mapping[str, Array], sample: Sample) -> None:
        """One image's maps [H, W, ...] by task, at the targets' resolution."""
        self._parts.append(Targets(sample).compare(maps))

    def result(self) -> dict[str, float]:
        """Every figure by name."""
        return figures_of(stacked(self._parts))


def evaluate(
    predictor: Predictor,
    samples: Samples,
    points: Sequence[Point],
    *,
    multiple: int = SIZE_MULTIPLE,
    classes: int = len(NYU40),
    progress: bool = True,
) -> Evaluation:
    """All samples at all points; depths and normals also of images without labels.

    multiple: of both sides of what the network is fed; classes: of the samples' labels.
    """
    rows = []
    for position in tqdm(range(len(samples)), desc="evaluate", unit="image", disable=not progress):
        sample = samples[position]
        targets = Targets(sample, classes)
        rows.append(stacked([_contribution(predictor, sample, targets, point, multiple) for point in points]))
    images = getattr(samples, "ids", None) or [str(position) for position in range(len(samples))]
    by_point = {name: np.swapaxes(array, 0, 1) for name, array in stacked(rows).sums.items()}
    return Evaluation(tuple(points), tuple(images), Statistics(by_point))


def _contribution(
    predictor: Predictor, sample: Sample, targets: Targets, point: Point, multiple: int
) -> Statistics:
    height, width = sample.image.shape[:2]
    plan = plan_scaled(height, width, multiple, point.scale)
    outputs = predictor(feed(sample.image, plan)[0], point.budget)
    return targets.compare(full_size(outputs, plan, point.scale))
