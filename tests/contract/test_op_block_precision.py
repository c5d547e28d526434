"""Native blocks keep the bounds of the precision that the process computes in; gates are exact in both.

bfloat16 keeps 8 significant bits: rounding to nearest changes a number by at most 2^-8 of it. The cases'
weights are bfloat16 values, as an exported network's are, so what is rounded is maps: the input, the first
map, its interpolation, and the middle map. Products are summed in float32.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from tests.support.operators.block_cases import BottleneckCase, GateCase, bottleneck_cases, gate_cases
from tests.support.operators.layers import PRECISION
from tests.support.operators.levels import run_tests
from tests.support.operators.nodes import Array, needs_library, run_node

pytestmark = needs_library

FLOAT32 = 2.0**-24
ROUNDED_MAPS = 4
HERE_BF16 = os.environ.get(PRECISION) == "bf16"


def run(case: BottleneckCase | GateCase) -> Array:
    """The node alone, its weights constant."""
    constant = [name for name in case.inputs if name[0] in "WB"]
    return run_node(case.node.op_type, case.inputs, constant, **case.attributes)


def bound(case: BottleneckCase) -> Array:
    """Of the absolute error, from the sum of the absolute terms in each value."""
    terms = sum(case.inputs[name][0].size for name in ("W_first", "W", "W_last") if name in case.inputs)
    roundings = (terms + 20) * FLOAT32 + (1 + (2.0**-8 if HERE_BF16 else 0)) ** ROUNDED_MAPS - 1
    residual = np.abs(case.inputs.get("R", np.float32(0)))
    return roundings * case.magnitude() + 2 * FLOAT32 * residual


@settings(max_examples=120, deadline=None)
@given(case=bottleneck_cases(channels=40, side=9))
def test_a_block_keeps_the_bound_at_every_value(case: BottleneckCase) -> None:
    got, want = run(case), case.expected()
    assert got.shape == want.shape
    assert (np.abs(got.astype(np.float64) - want) <= bound(case)).all()


def test_maps_have_the_requested_precision() -> None:
    """Two channels handed on: 1 + 2^-9 lies between two bfloat16 values and goes to the even one."""
    value, one = np.float32(1 + 2**-9), np.ones((2, 1, 1, 1), np.float32)
    X = np.full((1, 3, 3, 2), value, np.float32)
    inputs = {"X": X, "W": one, "W_last": np.eye(2, dtype=np.float32).reshape(2, 1, 1, 2)}
    got = run(BottleneckCase(inputs, {"group": 2}))
    np.testing.assert_array_equal(got, np.full_like(X, 1 if HERE_BF16 else value))


@settings(max_examples=settings.default.max_examples)
@given(case=gate_cases(channels=70))
def test_a_gate_is_the_reference_exactly(case: GateCase) -> None:
    """Scores that float32 holds exactly and bfloat16 does not."""
    np.testing.assert_array_equal(run(case), case.expected())


@pytest.mark.process
@pytest.mark.skipif(HERE_BF16, reason="this run is itself in bf16")
def test_bfloat16_keeps_its_bound() -> None:
    run_tests([Path(__file__)], **{PRECISION: "bf16"})
