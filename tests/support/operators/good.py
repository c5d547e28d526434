"""A right call of each operator, for tests that spoil it; a new operator joins GOOD."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from model_export.op.reference import bottleneck, budget_mask, gate_mask, perforated_conv
from model_export.op.reference_labels import upsampled_labels
from tests.support.operators.nodes import INPUTS, Array, uniform

SAME = {"pads": (1,) * 4}


@dataclass(frozen=True)
class Good:
    """An operator's inputs by name, its attributes, and what the reference makes of them."""

    op: str
    reference: Callable[..., Array]
    tensors: dict[str, Array]
    attributes: dict[str, Any] = field(default_factory=dict)

    def expected(self, tensors: dict[str, Array]) -> Array:
        """Raises ValueError if the inputs do not fit each other."""
        return self.reference(**{name: tensors.get(name) for name in INPUTS[self.op]}, **self.attributes)


def whole(seed: int, *shape: int) -> Array:
    """Small whole numbers: sums of their products are exact, whatever the order and the precision."""
    return np.random.default_rng(seed).integers(-2, 3, shape).astype(np.float32)


def mask(seed: int, *shape: int) -> Array:
    return np.random.default_rng(seed).random(shape) < 0.5


GOOD = {
    "convolution": Good(
        "PerforatedConv",
        perforated_conv,
        {"X": whole(1, 1, 6, 6, 4), "W": whole(2, 8, 3, 3, 4), "B": whole(3, 8), "M": mask(4, 1, 4, 4),
         "R": whole(5, 1, 4, 4, 8)},
    ),
    "depthwise convolution": Good(
        "PerforatedConv",
        perforated_conv,
        {"X": whole(1, 2, 5, 6, 4), "W": whole(2, 4, 3, 3, 1), "B": whole(3, 4), "M": mask(4, 2, 5, 6),
         "R": whole(5, 2, 5, 6, 4)},
        {"group": 4, "fill": "interpolate", **SAME},
    ),
    "bottleneck": Good(
        "Bottleneck",
        bottleneck,
        {"X": whole(1, 1, 6, 5, 3), "W_first": whole(2, 4, 1, 1, 3), "B_first": whole(3, 4),
         "W": whole(4, 5, 3, 3, 4), "B": whole(5, 5), "W_last": whole(6, 7, 1, 1, 5), "B_last": whole(7, 7),
         "M": mask(8, 1, 6, 5), "R": whole(9, 1, 6, 5, 7)},
        SAME,
    ),
    "inverted bottleneck": Good(
        "Bottleneck",
        bottleneck,
        {"X": whole(1, 2, 5, 6, 3), "W_first": whole(2, 6, 1, 1, 3), "B_first": whole(3, 6),
         "W": whole(4, 6, 3, 3, 1), "B": whole(5, 6), "W_last": whole(6, 3, 1, 1, 6), "B_last": whole(7, 3),
         "M": mask(8, 2, 5, 6), "R": whole(9, 2, 5, 6, 3)},
        {"group": 6, "inner_activation": "relu", "fill": "interpolate", **SAME},
    ),
    "budget mask": Good(
        "BudgetMask",
        budget_mask,
        {"S": whole(1, 2, 3, 4), "ratio": np.array([0.25, 0.5], np.float32)},
        {"coarse_stride": 2},
    ),
    "gate mask": Good(
        "GateMask",
        gate_mask,
        {"X": whole(1, 2, 3, 4, 4), "W": whole(2, 1, 1, 1, 4), "B": whole(3, 1),
         "ratio": np.array([0.25, 0.5], np.float32)},
    ),
    "labels": Good(
        "UpsampledLabels",
        upsampled_labels,
        {"L": uniform(np.random.default_rng(1), 2, 3, 4, 5), "size": np.array([7, 9]),
         "extent": np.array([2.5, 4], np.float32)},
    ),
}  # fmt: skip
