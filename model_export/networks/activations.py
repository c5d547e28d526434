"""Activations of task heads, and the last step from a trained map to a served one.

A head's functions are traced by torch.fx and may call only what export.lowering can lower.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

DEPTH_CENTRE_METRES = 2.5
DEPTH_RANGE_METRES = (0.3, 12.0)


def unchanged(values: Tensor) -> Tensor:
    """The values."""
    return values


def log_metres(values: Tensor) -> Tensor:
    """Logarithm of metres, float32, about DEPTH_CENTRE_METRES for values about 0."""
    return (values + math.log(DEPTH_CENTRE_METRES)).float()


def within_depth_range(log_depth: Tensor) -> Tensor:
    """Logarithms of DEPTH_RANGE_METRES at least and at most."""
    low, high = (math.log(metres) for metres in DEPTH_RANGE_METRES)
    return torch.clamp(log_depth, low, high)


def unit_vectors(values: Tensor) -> Tensor:
    """Vectors [N, 3, h, w] of length 1, float32."""
    return F.normalize(values.float(), dim=1, eps=1e-6)


@dataclass(frozen=True)
class Finish:
    """The last step of a map, pixel by pixel, from what is trained to what is served.

    Attributes:
        apply: of a tensor.
        onnx: the standard operator that does the same; None: nothing is done.
    """

    apply: Callable[[Tensor], Tensor]
    onnx: str | None


NONE = Finish(unchanged, None)
EXPONENTIAL = Finish(torch.exp, "Exp")
SIGMOID = Finish(torch.sigmoid, "Sigmoid")
