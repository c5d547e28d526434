"""Measure: the protocol of comparing the maps of a task with their targets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from model_export.measures.figure import Figure

Array = npt.NDArray[Any]
Doubles = npt.NDArray[np.float64]
Sums = Mapping[str, Array]
Compare = Callable[[Array], Sums]
"""A map at its target's size -> sums over the pixels that count."""


class Measure(Protocol):
    """Compares maps with targets.

    Attributes:
        sums: names of what is summed; no other task's measure uses them.
        figures: those that are shown somewhere, in the order in which they are.
    """

    @property
    def sums(self) -> tuple[str, ...]: ...

    @property
    def figures(self) -> tuple[Figure, ...]: ...

    def prepared(self, target: Array, *, classes: int, metric: bool) -> Compare:
        """What compares maps with one target, prepared once for many of them.

        Args:
            target: [H, W, ...], as the task's `target` gives it.
            classes: number of classes of the truth.
            metric: whether the image's metres can be trusted.

        The result raises ValueError for a map that cannot be compared.
        """
        ...

    def values(self, sums: Sums) -> dict[str, Doubles]:
        """Every figure by name, with the sums' leading axes; NaN where no pixel counts."""
        ...

    def with_intervals(self, sums: Sums) -> tuple[str, ...]:
        """Names of the figures whose intervals stand in a manifest."""
        ...


def ratio(part: Array, whole: Array) -> Doubles:
    """part / whole, NaN where the whole is 0."""
    return np.asarray(np.where(whole > 0, part / np.maximum(whole, 1), np.nan), np.float64)


def check_size(values: Array, target: Array) -> None:
    """Raises ValueError unless the map [H, W, ...] has the target's height and width."""
    if values.shape[:2] != target.shape[:2]:
        raise ValueError(f"maps {values.shape[:2]} are not {target.shape[:2]}")
