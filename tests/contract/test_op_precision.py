"""Layers computed in bf16 are as close to float32 as rounding their inputs and weights allows.

bf16 keeps 8 significant bits, so rounding to nearest changes a number by at most 2^-8 of it, and a product
of two rounded numbers by at most 2^-7 (and 2^-16) of itself. Products and sums are in float32.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model_export.op.reference import perforated_conv
from tests.support.operators.layers import (
    CAP,
    LAYERS,
    PRECISION,
    attributes_of,
    levels_here,
    run_layers,
    tensors_of,
)
from tests.support.operators.nodes import LIBRARY, Array

HALF_UNIT = 2.0**-8

has_bf16 = pytest.mark.skipif(
    LIBRARY is None or PRECISION.encode() not in LIBRARY.read_bytes(),
    reason="the native library computes in float32 only",
)


def to_bf16(values: Array) -> Array:
    """float32 rounded to the nearest bf16, ties to even."""
    bits = values.view(np.uint32).astype(np.uint64)
    bits += 0x7FFF + ((bits >> 16) & 1)
    return (bits & 0xFFFF0000).astype(np.uint32).view(np.float32)


def expected(name: str) -> Array:
    return perforated_conv(**tensors_of(name), **attributes_of(name))


def sum_of_terms(name: str) -> Array:
    """The sum of |x w| at every value, filled alike; an activation brings no values further apart."""
    tensors = tensors_of(name)
    attributes: dict[str, Any] = attributes_of(name) | {"activation": "none"}
    mask = {"M": tensors["M"]} if "M" in tensors else {}
    return perforated_conv(np.abs(tensors["X"]), np.abs(tensors["W"]), **mask, **attributes)


def usual_error(name: str) -> float:
    """Bound of the root mean square error.

    The errors of numbers rounded to nearest lie evenly within their bound: their root mean square is
    1 / sqrt(3) of it. Two in each product, and all products, add up by their squares.
    """
    tensors = tensors_of(name)
    depth = tensors["W"][0].size
    x, w = (float(np.sqrt(np.mean(tensors[n].astype(np.float64) ** 2))) for n in ("X", "W"))
    return HALF_UNIT * np.sqrt(2 / 3) * np.sqrt(depth) * x * w


def within_bounds(name: str, actual: Array) -> bool:
    error = np.abs(actual.astype(np.float64) - expected(name))
    terms = sum_of_terms(name)
    # What float32 itself rounds comes on top: the tolerance of test_op_native.
    own = 1e-5 * np.abs(expected(name)) + 2e-7 * (tensors_of(name)["W"][0].size + 10)
    everywhere = error <= (2 * HALF_UNIT + HALF_UNIT**2) * terms + own
    return bool(everywhere.all() and np.sqrt(np.mean(error[terms > 0] ** 2)) <= usual_error(name))


def rounded_by_hand(name: str, scale: float) -> Array:
    """The layer with inputs and weights off by `scale` times what rounding to bf16 changes."""
    tensors = tensors_of(name)
    off = {n: v + np.float32(scale) * (to_bf16(v) - v) for n, v in tensors.items() if n in "XW"}
    return perforated_conv(**(tensors | off), **attributes_of(name))


@pytest.mark.parametrize("name", LAYERS)
def test_rounding_keeps_the_bounds(name: str) -> None:
    assert within_bounds(name, rounded_by_hand(name, 1))


@pytest.mark.parametrize("name", ["odd depth", "several blocks", "depthwise"])
def test_numbers_of_one_bit_less_break_the_bounds(name: str) -> None:
    """Layers without activation or interpolation, which both make errors smaller."""
    assert not within_bounds(name, rounded_by_hand(name, 2))


@pytest.fixture(scope="module")
def bf16(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Array]:
    return run_layers(tmp_path_factory.mktemp("bf16") / "best.npz", {PRECISION: "bf16"})


@pytest.mark.process
@has_bf16
@pytest.mark.parametrize("name", LAYERS)
def test_bf16_keeps_the_bounds(bf16: dict[str, Array], name: str) -> None:
    assert within_bounds(name, bf16[name])


@pytest.mark.process
@has_bf16
def test_bf16_is_not_float32(bf16: dict[str, Array], tmp_path: Path) -> None:
    """The setting does something: a layer of many terms has other last bits."""
    f32 = run_layers(tmp_path / "f32.npz", {PRECISION: "f32"})
    assert (bf16["3x3"] != f32["3x3"]).any()
    for name in LAYERS:
        np.testing.assert_allclose(f32[name], expected(name), rtol=1e-5, atol=3e-4)


@pytest.mark.process
@has_bf16
@pytest.mark.parametrize("level", levels_here())
def test_bf16_keeps_the_bounds_at_lower_levels(level: str, tmp_path: Path) -> None:
    results = run_layers(tmp_path / "lower.npz", {PRECISION: "bf16", CAP: level})
    for name, actual in results.items():
        assert within_bounds(name, actual), name
