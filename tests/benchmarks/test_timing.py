"""Contenders take turns; ratios and limits say what they are said to."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from benchmarks.timing import LONG_SECONDS, Limit, Timings, geometric_mean, measure


def test_contenders_take_turns() -> None:
    calls: list[str] = []
    timings = measure({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, seconds=0, least=3)
    assert [name for name, _ in itertools.groupby(calls)] == ["a", "b"] * 3
    assert all(len(column) == 3 for column in timings.milliseconds.values())
    assert all((column < 1e3 * LONG_SECONDS).all() for column in timings.milliseconds.values())


def test_ratio_is_that_of_the_rounds_and_not_of_the_medians() -> None:
    """The machine is three times slower in the last two rounds, for both alike."""
    base = np.array([1.0, 1.0, 3.0, 3.0])
    timings = Timings({"a": 2 * base, "b": base})
    assert timings.ratio("a", "b") == 2
    assert timings.median("b") == 2


def test_geometric_mean_counts_a_value_by_its_weight() -> None:
    assert geometric_mean([2.0, 16.0], [2, 1]) == pytest.approx(4)


@pytest.mark.parametrize(("value", "passed"), [(0.9, True), (1.0, True), (1.1, False), (math.nan, False)])
def test_limit_is_a_largest_value(value: float, passed: bool) -> None:
    assert Limit("time over the peer's", value, 1.0).passed is passed
