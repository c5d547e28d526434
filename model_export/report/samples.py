"""Points of networks with their figures, costs and times, and curves through them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from model_export.evaluation import stored
from model_export.evaluation.compare import Measured
from model_export.evaluation.evaluate import Evaluation
from model_export.evaluation.points import Point
from model_export.report.study import Kind, NetworkEntry, ReportError, Study, check_files, read_study

Axis = Literal["milliseconds", "gmacs"]
AXES: dict[Axis, str] = {"milliseconds": "milliseconds", "gmacs": "1e9 multiply-adds"}


@dataclass(frozen=True)
class Sample:
    """One point of one network.

    Attributes:
        entry: of the network.
        budget: that was requested, if one was.
        content: of the point in the evaluation's JSON.
        time: quartiles in milliseconds and number of runs, of the latency's JSON.
        evaluation: with the contribution of each image.
    """

    entry: NetworkEntry
    point: Point
    budget: float | None
    content: dict[str, Any]
    time: dict[str, float]
    evaluation: Evaluation

    @property
    def share(self) -> float:
        """Of the full network's multiply-adds at full size."""
        return float(self.content["share"])

    @property
    def requested(self) -> float:
        """The budget that was requested, or else the share."""
        return self.share if self.budget is None else self.budget

    @property
    def label(self) -> str:
        """The network's title, with the budget or scale where it has several points."""
        if self.budget is not None:
            return f"{self.entry.title}, budget {self.budget:.3g}"
        return self.entry.title + (f", scale {self.point.scale:g}" if self.point.scale < 1 else "")

    @property
    def milliseconds(self) -> float:
        """Median."""
        return self.time["median"]

    @property
    def gmacs(self) -> float:
        """1e9 multiply-adds."""
        return float(self.content["multiply_adds"]) * 1e-9

    @cached_property
    def measured(self) -> Measured:
        """With its resamples."""
        return Measured.of(self.evaluation, self.point)


class Curve:
    """Straight lines between points, from the least to the most of a cost."""

    def __init__(self, samples: Sequence[Sample], axis: Axis) -> None:
        self.axis = axis
        self.samples = sorted(samples, key=self._cost)

    def at(self, cost: float) -> Measured | None:
        """The figures where the curve has this cost, None beyond its ends."""
        for low, high in zip(self.samples, self.samples[1:], strict=False):
            if self._cost(low) <= cost <= self._cost(high):
                weight = (cost - self._cost(low)) / max(self._cost(high) - self._cost(low), 1e-12)
                return low.measured.towards(high.measured, weight)
        return None

    def _cost(self, sample: Sample) -> float:
        return float(getattr(sample, self.axis))


class Results:
    """Everything that study.json names, read and checked.

    Raises:
        ReportError: a file is absent or of another form, or the latency lacks a point.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.study: Study = read_study(folder)
        names = self.study.evaluations()
        arrays = [str(stored.arrays_of(folder / name).relative_to(folder)) for name in names]
        failures = [self.study.failures] if self.study.failures else []
        check_files(folder, [*names, *arrays, self.study.latency, *failures])
        self.latency: dict[str, Any] = json.loads((folder / self.study.latency).read_text(encoding="utf-8"))
        try:
            self.evaluations = {name: stored.load(folder / name) for name in names}
        except ValueError as error:
            raise ReportError(str(error)) from error
        self._check_same_images()
        self.samples = {entry.name: self._samples(entry) for entry in self.study.networks}

    def front(self) -> list[Sample]:
        """Points of the budgeted network, from budget 1 down."""
        return sorted(self.samples[self.study.budgeted.name], key=lambda sample: -sample.requested)

    def of_kind(self, kind: Kind) -> list[Sample]:
        """All points of the kind, those of networks that also belong to it too."""
        entries = [entry for entry in self.study.networks if kind in (entry.kind, *entry.also)]
        return [sample for entry in entries for sample in self.samples[entry.name]]

    def content(self) -> dict[str, Any]:
        """The JSON of the budgeted network's evaluation."""
        return self.evaluations[self.study.budgeted.evaluation][0]

    def _check_same_images(self) -> None:
        images = {evaluation.images for _, evaluation in self.evaluations.values()}
        if len(images) != 1:
            raise ReportError("the evaluations are of different images: evaluate all on the same split")

    def _samples(self, entry: NetworkEntry) -> list[Sample]:
        content, evaluation = self.evaluations[entry.evaluation]
        requested: dict[int, list[float | None]] = {}
        for request in content.get("requests", []):
            requested.setdefault(request["point"], []).append(request["budget"])
        return [
            Sample(
                entry=entry,
                point=evaluation.points[number],
                budget=budget,
                content=content["points"][number],
                time=self._time(entry, evaluation.points[number]),
                evaluation=evaluation,
            )
            for number in entry.chosen(content)
            for budget in (requested.get(number, [None]) if entry.points is None else [None])
        ]

    def _time(self, entry: NetworkEntry, point: Point) -> dict[str, float]:
        for row in self.latency["points"]:
            if row["evaluation"] == entry.evaluation and Point(row["scale"], row["budget"]) == point:
                time: dict[str, float] = row["milliseconds"]
                return time
        raise ReportError(f"{self.study.latency} has no time of {entry.evaluation} at {point}: measure again")
