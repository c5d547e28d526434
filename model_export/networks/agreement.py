"""Agreement of a map at a budget with the dense one, as a number to print."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Agreement:
    """One number and its words.

    Attributes:
        compare: (given, expected) maps [N, C, h, w], as trained -> the number.
        words: a format of the number.
    """

    compare: Callable[[Tensor, Tensor], Tensor]
    words: str


def _equal(given: Tensor, expected: Tensor) -> Tensor:
    return (given.argmax(1) == expected.argmax(1)).float().mean()


def _quotient(given: Tensor, expected: Tensor) -> Tensor:
    return (given - expected).abs().exp().mean() - 1


def _angle(given: Tensor, expected: Tensor) -> Tensor:
    return torch.rad2deg(F.cosine_similarity(given, expected).clamp(-1, 1).acos()).mean()


def _difference(given: Tensor, expected: Tensor) -> Tensor:
    return (given.sigmoid() - expected.sigmoid()).abs().mean()


OF_LABELS = Agreement(_equal, "{:.1%} of the labels are equal")
OF_DEPTH = Agreement(_quotient, "depths differ by {:.1%}")
OF_NORMALS = Agreement(_angle, "normals by {:.1f}°")
OF_PROBABILITIES = Agreement(_difference, "probabilities by {:.3f}")
