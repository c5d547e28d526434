"""PRESETS: name -> training configuration; every number of a run on one screen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

from model_export.networks.tasks import loss_weights


@dataclass(frozen=True)
class View:
    """What the batches of a step look like.

    Attributes:
        crop: (height, width) of the training crops.
        scale: (low, high) zoom of the source image, log-uniform.
        labelled, unlabelled: images of each kind in a batch.
    """

    crop: tuple[int, int] = (320, 416)
    scale: tuple[float, float] = (0.6, 1.7)
    labelled: int = 6
    unlabelled: int = 2

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> View:
        """The view of these values; JSON makes lists of tuples."""
        return cls(**{**values, "crop": tuple(values["crop"]), "scale": tuple(values["scale"])})


# The whole field of view at three working resolutions, at about the same work a step.
WHOLE_IMAGES = (
    View((480, 640), (0.85, 1.6), 2, 2),
    View((384, 512), (0.65, 1.3), 3, 3),
    View((320, 416), (0.55, 1.1), 4, 4),
)
# The same and a smaller one at half the work, for the passes of a second stage.
FEW_WHOLE_IMAGES = (
    View((480, 640), (0.85, 1.6), 1, 1),
    View((384, 512), (0.65, 1.3), 2, 1),
    View((320, 416), (0.55, 1.1), 2, 2),
    View((256, 320), (0.42, 0.85), 3, 3),
)


@dataclass(frozen=True)
class TrainingConfig:
    """One training run.

    Attributes:
        network, options: name in NETWORKS and its builder's options.
        gated: train the gates: each step has a pass at ratio 1 (the teacher) and one at random ratios.
        supervised: learn from the targets of NYUv2; false: from the dense pass of the initial network alone.
        only_gates: no other weight is trained.
        multipool: MultiPool's mode in this run: "weighted" first, then "pag" (the authors' two phases).
        steps: optimiser steps.
        views: of the batches, taken in turn.
        class_balance: tau of the logit adjustment: the loss sees logits + tau log(share of the class), so
            that the logits themselves speak for rare classes as if these were more frequent.
        learning_rate: of new layers at the start; falls as (1 - step/steps)^0.9 after a linear warm-up.
        encoder_rate, gate_rate: factors on it.
        frozen_stages: the stem and this many stages of the encoder are not trained.
        frozen_depthwise: nor are the encoder's depthwise filters (their scale and shift are).
        ratio_floor: gate ratios are drawn from U[ratio_floor, 1], per image.
        fixed_ratio: every gate at this ratio instead: one network per ratio, as in the talk.
        loss_weights: term -> weight.
        average_decay: of the exponential moving average of the weights that is evaluated and exported.
        freeze_all_statistics: also the new layers' batch norms keep their statistics.
        seed: of everything random.
    """

    network: str = "efficientnet_lite0"
    options: Mapping[str, Any] = field(default_factory=dict)
    gated: bool = False
    supervised: bool = True
    only_gates: bool = False
    multipool: str = "weighted"
    steps: int = 2400
    views: Sequence[View] = (View(),)
    class_balance: float = 0.0
    learning_rate: float = 1.2e-3
    encoder_rate: float = 0.25
    gate_rate: float = 1.0
    warmup_steps: int = 60
    weight_decay: float = 0.02
    gradient_norm: float = 5.0
    frozen_stages: int = 0
    frozen_depthwise: bool = False
    ratio_floor: float = 0.25
    fixed_ratio: float | None = None
    loss_weights: Mapping[str, float] = field(default_factory=loss_weights)
    average_decay: float = 0.995
    freeze_all_statistics: bool = False
    seed: int = 777

    def to_json(self) -> dict[str, Any]:
        """As plain values for logs and checkpoints."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> TrainingConfig:
        """The configuration that to_json gave these values."""
        return cls(**{**values, "views": tuple(View.from_json(view) for view in values["views"])})


def lite0_dense() -> TrainingConfig:
    """Stage 1: every pixel computed, MultiPool as a weighted average."""
    return TrainingConfig(
        steps=5400, frozen_stages=2, frozen_depthwise=True, views=WHOLE_IMAGES, class_balance=0.4,
        average_decay=0.998, loss_weights=loss_weights(depth=0.8, normals=0.6),
    )  # fmt: skip


def lite0_gated() -> TrainingConfig:
    """Stage 2, from stage 1's weights: gates, one network for every budget."""
    return replace(
        lite0_dense(), views=FEW_WHOLE_IMAGES, gated=True, steps=450, learning_rate=4e-4,
        gate_rate=5.0, warmup_steps=30, freeze_all_statistics=True, average_decay=0.99,
    )  # fmt: skip


def _ungated(**changes: Any) -> TrainingConfig:
    """A second stage without gates: one pass a step where gates take two, so twice the steps in the time."""
    config = replace(lite0_gated(), gated=False, steps=900, options={"gated": False})
    return replace(config, **changes)


def _truncated(blocks: int) -> TrainingConfig:
    # The layer after the cut is new, so its statistics are too.
    options = {"gated": False, "encoder_blocks": blocks}
    return _ungated(options=options, freeze_all_statistics=False)


def _gated(**changes: Any) -> TrainingConfig:
    return replace(lite0_gated(), **changes)


def smoke() -> TrainingConfig:
    """A few steps on small crops: shows that the whole way works."""
    return TrainingConfig(
        views=(View((64, 96), labelled=1, unlabelled=1),), gated=True, multipool="pag", steps=4,
        warmup_steps=1, freeze_all_statistics=True,
    )  # fmt: skip


PRESETS: dict[str, Callable[[], TrainingConfig]] = {
    "lite0_dense": lite0_dense,
    "lite0_gated": lite0_gated,
    # What the gated network is compared with, all from stage 1's weights.
    "lite0_ungated": _ungated,
    "lite0_multipool_average": partial(_ungated, multipool="average"),
    "lite0_multipool_pag": partial(_ungated, multipool="pag"),
    "lite0_identity_skip": partial(_gated, options={"skipped": "skip"}),
    "lite0_layer_skip": partial(
        _gated, options={"skipped": "layer"}, loss_weights={**lite0_gated().loss_weights, "gates": 0.1}
    ),
    "lite0_ratio_70": partial(_gated, fixed_ratio=0.7),
    "lite0_ratio_50": partial(_gated, fixed_ratio=0.5),
    "lite0_ratio_30": partial(_gated, fixed_ratio=0.3),
    "lite0_truncated_14": partial(_truncated, 14),
    "lite0_truncated_12": partial(_truncated, 12),
    "smoke": smoke,
}
