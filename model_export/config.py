"""PRESETS: name -> training configuration; every number of a run on one screen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class TrainingConfig:
    """One training run.

    Attributes:
        network, options: name in NETWORKS and its builder's options.
        gated: train the gates: each step has a pass at ratio 1 (the teacher) and one at random ratios.
        multipool: MultiPool's mode in this run: "weighted" first, then "pag" (the authors' two phases).
        steps: optimiser steps.
        labelled, unlabelled: images of each kind in a batch.
        crop: (height, width) of the training crops.
        learning_rate: of new layers at the start; falls as (1 - step/steps)^0.9 after a linear warm-up.
        encoder_rate, gate_rate: factors on it.
        frozen_stages: the stem and this many stages of the encoder are not trained.
        ratio_floor: gate ratios are drawn from U[ratio_floor, 1], per image.
        loss_weights: term -> weight.
        average_decay: of the exponential moving average of the weights that is evaluated and exported.
        freeze_all_statistics: also the new layers' batch norms keep their statistics.
        seed: of everything random.
    """

    network: str = "efficientnet_lite0"
    options: Mapping[str, Any] = field(default_factory=dict)
    gated: bool = False
    multipool: str = "weighted"
    steps: int = 2400
    labelled: int = 6
    unlabelled: int = 2
    crop: tuple[int, int] = (320, 416)
    learning_rate: float = 1.2e-3
    encoder_rate: float = 0.25
    gate_rate: float = 1.0
    warmup_steps: int = 60
    weight_decay: float = 0.02
    gradient_norm: float = 5.0
    frozen_stages: int = 0
    ratio_floor: float = 0.25
    loss_weights: Mapping[str, float] = field(
        default_factory=lambda: {
            "semantics": 1.0, "depth": 0.5, "normals": 0.5, "gates": 0.01,
            "distil_semantics": 0.5, "distil_depth": 0.5, "distil_normals": 0.5,
        }
    )  # fmt: skip
    average_decay: float = 0.995
    freeze_all_statistics: bool = False
    seed: int = 777

    def to_json(self) -> dict[str, Any]:
        """As plain values for logs and checkpoints."""
        return asdict(self)


def lite0_dense() -> TrainingConfig:
    """Stage 1 of the first network: every pixel computed, MultiPool as a weighted average."""
    return TrainingConfig(steps=1900, frozen_stages=2)


def lite0_dense_long() -> TrainingConfig:
    """Stage 1 for as long as it pays."""
    return TrainingConfig(steps=11000, frozen_stages=2, average_decay=0.999)


def lite0_gated() -> TrainingConfig:
    """Stage 2, from stage 1's weights: gates, one MultiPool branch a pixel, one network for every budget."""
    return TrainingConfig(
        gated=True, multipool="pag", steps=1200, learning_rate=4e-4, gate_rate=5.0, warmup_steps=30,
        freeze_all_statistics=True, average_decay=0.99,
    )  # fmt: skip


def smoke() -> TrainingConfig:
    """A few steps on small crops: shows that the whole way works."""
    return TrainingConfig(
        gated=True, multipool="pag", steps=4, labelled=1, unlabelled=1, crop=(64, 96), warmup_steps=1,
        freeze_all_statistics=True,
    )  # fmt: skip


PRESETS: dict[str, Callable[[], TrainingConfig]] = {
    "lite0_dense": lite0_dense,
    "lite0_dense_long": lite0_dense_long,
    "lite0_gated": lite0_gated,
    "smoke": smoke,
}
