"""TASKS: name -> task, the one table of what networks learn, for training, export and evaluation.

A task's map is served under the task's name. A new task is a new row; its `kind` decides how the service
resizes and encodes the map.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from torch import Tensor, nn

from model_export.measures.angles import AngleMeasure
from model_export.measures.classes import ClassMeasure
from model_export.measures.depth import DepthMeasure
from model_export.measures.figure import Figure, Role
from model_export.measures.measure import Measure
from model_export.networks import activations, agreement, losses
from model_export.networks.heads import Head
from model_export.networks.losses import Batch

Kind = Literal["labels", "probability", "metric", "vectors"]
Maps = dict[str, Tensor]
"""Task -> its map at stride 8 as it is trained, [N, channels, h, w]."""


@dataclass(frozen=True)
class Task:
    """One row.

    Attributes:
        kind: of the map, as the manifest names it.
        phrase: what the map is; {classes} stands for their number.
        output: name of the graph's output.
        channels: of the head; None: one for each class.
        target: batch -> targets [N, H, W, ...] at the image's size.
        loss: (map, targets, batch) -> loss, 0 where a batch has no target.
        distance: (map, teacher's map) -> distance; gates are learned and allocated by it.
        agreement: with the dense map, for people.
        measure: sums and figures of an evaluation.
        activate: output of the head -> map.
        bound: map -> map, after all tasks' `activate`.
        finish: from the map to what is served, pixel by pixel.
        head: (channels of the features, width, own channels) -> module.
        tolerance: of `verify`, absolute: float32 sums of some thousand terms in another order, of values of
            order 10 and less.
        weight, distil_weight: of `loss` and `distance` in a step, if a configuration gives no other.
        facts: entries of the manifest that belong to the kind; those of labels come from about.json.
    """

    kind: Kind
    phrase: str
    output: str
    channels: int | None
    target: Callable[[Batch], Tensor]
    loss: Callable[[Tensor, Tensor, Batch], Tensor]
    distance: Callable[[Tensor, Tensor], Tensor]
    agreement: agreement.Agreement
    measure: Measure
    activate: Callable[[Tensor], Tensor] = activations.unchanged
    bound: Callable[[Tensor], Tensor] = activations.unchanged
    finish: activations.Finish = activations.NONE
    head: Callable[[int, int, int], nn.Module] = Head
    tolerance: float = 2e-3
    weight: float = 0.5
    distil_weight: float = 0.5
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def flat(self) -> bool:
        """Whether the served map [N, h, w] has no axis of channels."""
        return self.kind in ("probability", "metric")

    def served(self, value: Tensor) -> Tensor:
        """Map [N, C, h, w] as trained -> output of the graph, [N, h, w, C] or, if flat, [N, h, w]."""
        return self.finish.apply(value[:, 0] if self.flat else value.permute(0, 2, 3, 1))


TASKS: dict[str, Task] = {
    "semantics": Task(
        kind="labels",
        phrase="semantics ({classes} classes)",
        output="semantic_logits",
        channels=None,
        target=lambda batch: batch["labels"],
        loss=losses.cross_entropy,
        distance=losses.divergence_of_classes,
        agreement=agreement.OF_LABELS,
        measure=ClassMeasure(),
        weight=1.0,
    ),
    "depth": Task(
        kind="metric",
        phrase="metric depth",
        output="depth",
        channels=1,
        target=lambda batch: batch["depth"],
        loss=losses.log_depth_error,
        distance=losses.mean_difference,
        agreement=agreement.OF_DEPTH,
        measure=DepthMeasure(),
        activate=activations.log_metres,
        bound=activations.within_depth_range,
        finish=activations.EXPONENTIAL,
        facts={"unit": "metre", "range": list(activations.DEPTH_RANGE_METRES)},
    ),
    "normals": Task(
        kind="vectors",
        phrase="surface normals",
        output="normals",
        channels=3,
        target=lambda batch: batch["normals"],
        loss=losses.chord,
        distance=losses.mean_turn,
        agreement=agreement.OF_NORMALS,
        measure=AngleMeasure(),
        activate=activations.unit_vectors,
        facts={"frame": "x right, y down, z towards the camera"},
    ),
}
DEFAULT_TASKS = ("semantics", "depth", "normals")
"""Of a network whose options name none: checkpoints rely on it, so no row is added here."""


def figures(role: Role) -> tuple[Figure, ...]:
    """The figures of all tasks that are shown in the role, task by task."""
    return tuple(each for task in TASKS.values() for each in task.measure.figures if role in each.roles)


def described_figures(rows: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Name -> entry in a manifest, of the figures of a card that `rows` hold."""
    given = {name for row in rows for name, value in row.items() if value is not None}
    return {figure.name: figure.described() for figure in figures("card") if figure.name in given}


def loss_weights(**others: float) -> dict[str, float]:
    """Term of a step -> its weight: of each task's loss and distance, of the gates, and `others`."""
    weights = {name: task.weight for name, task in TASKS.items()} | {"gates": 0.01}
    return weights | {f"distil_{name}": task.distil_weight for name, task in TASKS.items()} | others


def task_terms(maps: Maps, batch: Batch) -> dict[str, Tensor]:
    """Task -> unweighted loss of its map."""
    return {name: TASKS[name].loss(value, TASKS[name].target(batch), batch) for name, value in maps.items()}


def distillation_terms(student: Maps, teacher: Maps) -> dict[str, Tensor]:
    """Terms that draw a student's maps to those of the pass at ratio 1 (detached here)."""
    return {
        f"distil_{name}": TASKS[name].distance(value, teacher[name].detach())
        for name, value in student.items()
        if name in teacher
    }
