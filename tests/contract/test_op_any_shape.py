"""Inputs of any shapes are computed as the reference does it, or refused by name and shape."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.operators.good import GOOD, Good
from tests.support.operators.nodes import Array, needs_library, refused, run_node, text

pytestmark = [pytest.mark.slow, needs_library]

SHAPES = st.lists(st.integers(0, 7), max_size=5).map(tuple)


def near(shape: tuple[int, ...]) -> st.SearchStrategy[tuple[int, ...]]:
    """Shapes that differ in an axis or two, or in their rank, or altogether."""
    axes = [st.sampled_from([size, size, size, 0, 1, size + 1, 2 * size]) for size in shape]
    return st.one_of(st.tuples(*axes), st.tuples(*axes[1:]), st.tuples(*axes, st.just(1)), SHAPES)


def expected_or_none(good: Good, tensors: dict[str, Array]) -> Array | None:
    """None where the call must be refused: where the reference does, and for empty weights."""
    if any(0 in tensors[name].shape for name in tensors if name.startswith("W")):
        return None
    try:
        return good.expected(tensors)
    except ValueError:
        return None


@pytest.mark.parametrize("name", GOOD)
def test_the_good_call_is_computed(name: str) -> None:
    good = GOOD[name]
    expected = good.expected(good.tensors)
    np.testing.assert_array_equal(run_node(good.op, good.tensors, **good.attributes), expected)
    assert len(np.unique(expected)) > 1


@pytest.mark.parametrize("name", GOOD)
@settings(max_examples=2 * settings.default.max_examples)
@given(data=st.data())
def test_any_shapes_are_computed_or_refused(name: str, data: st.DataObject) -> None:
    good = GOOD[name]
    tensors = dict(good.tensors)
    for changed in data.draw(st.sets(st.sampled_from(sorted(tensors)), min_size=1, max_size=2)):
        tensors[changed] = np.resize(tensors[changed], data.draw(near(tensors[changed].shape), label=changed))
    constant = data.draw(st.sampled_from([(), [n for n in tensors if n[0] in "WB"], list(tensors)[1:]]))
    expected = expected_or_none(good, tensors)
    if expected is not None:
        actual = run_node(good.op, tensors, constant, **good.attributes)
        np.testing.assert_array_equal(actual, expected)
        return
    names, shapes = "|".join(tensors), "|".join(text(value.shape) for value in tensors.values())
    # Shapes may also disagree with a value, or with each other by way of a third.
    other = r"extent is \[.*\[|middle convolution that keeps the size.*\[.*\["
    with refused(rf"\b({names})\b.*({shapes})|{other}"):
        run_node(good.op, tensors, constant, **good.attributes)
