"""The native kernels, run by ONNX Runtime node by node, agree with the numpy reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_export.op.reference import budget_mask, perforated_conv
from tests.support.operators.models import MODELS
from tests.support.operators.nodes import Array, conv_tensors, needs_library, run_budget, run_conv, session_of

pytestmark = needs_library


def assert_agrees(tensors: dict[str, Array], **attributes: Any) -> None:
    """Native equals reference. The reference adds in float64, the kernels one float32 term after another:
    for values in [-1, 1] each of the K additions may round by half a unit of the partial sum."""
    expected = perforated_conv(**tensors, **attributes)
    actual = run_conv(tensors, **attributes)
    depth = tensors["W"][0].size
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=2e-7 * (depth + 10))


MASKS = ["none", "empty", "one pixel", "sparse", "most", "full", "runs", "by image"]


def mask_like(kind: str, M: Array, seed: int) -> Array:
    """A mask of M's shape: kinds that differ in how the computed pixels lie beside each other."""
    rng = np.random.default_rng(seed)
    if kind == "one pixel":
        flat = np.arange(M.size) == rng.integers(M.size)
        return flat.reshape(M.shape)
    if kind == "runs":
        return np.repeat(rng.random(M.size // 7 + 1) < 0.5, 7)[: M.size].reshape(M.shape)
    if kind == "by image":
        return rng.random(M.shape) < np.resize([0.0, 1.0, 0.4], M.shape[0]).reshape(-1, 1, 1)
    return rng.random(M.shape) < {"empty": 0.0, "sparse": 0.1, "most": 0.8, "full": 1.0}[kind]


@st.composite
def conv_cases(draw: st.DrawFn) -> tuple[dict[str, Array], dict[str, Any]]:
    """A node of any geometry with inputs that fit it."""
    kernel = (draw(st.integers(1, 5)), draw(st.integers(1, 5)))
    strides = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    dilations = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    pads = tuple(draw(st.integers(0, 4)) for _ in range(4))
    smallest = [max(1, dilations[a] * (kernel[a] - 1) + 1 - pads[a] - pads[a + 2]) for a in (0, 1)]
    size = [low + draw(st.integers(0, 6) | st.integers(0, 20)) for low in smallest]
    depthwise = draw(st.booleans())
    channels = draw(st.integers(1, 70))
    group = channels if depthwise else 1
    outputs = channels if depthwise else draw(st.integers(1, 70))
    attributes = {
        "strides": strides,
        "dilations": dilations,
        "pads": pads,
        "group": group,
        "activation": draw(st.sampled_from(["none", "relu", "relu6"])),
        "fill": draw(st.sampled_from(["zero", "interpolate"])),
    }
    mask, seed = draw(st.sampled_from(MASKS)), draw(st.integers(0, 2**16))
    tensors = conv_tensors(
        seed,
        (draw(st.integers(1, 4)), size[0], size[1], channels),
        (outputs, *kernel, channels // group),
        None if mask == "none" else 0.0,
        draw(st.booleans()),
        attributes=attributes,
    )
    if mask != "none":
        tensors["M"] = mask_like(mask, tensors["M"], seed)
    if draw(st.booleans()):
        del tensors["B"]
    return tensors, attributes


@settings(max_examples=200, deadline=None)
@given(case=conv_cases())
def test_any_geometry_agrees_with_the_reference(case: tuple[dict[str, Array], dict[str, Any]]) -> None:
    tensors, attributes = case
    assert_agrees(tensors, **attributes)


BIG_CASES = {
    "several tiles and panels": ((1, 12, 17, 40), (100, 1, 1, 40), {}),
    "depth of several blocks": ((1, 6, 7, 100), (33, 3, 3, 100), {"pads": (2,) * 4, "dilations": (2, 2)}),
    "RGB stem": ((2, 21, 23, 3), (32, 3, 3, 3), {"pads": (0, 0, 1, 1), "strides": (2, 2)}),
    "depthwise beyond a channel block": (
        (1, 9, 8, 200), (200, 5, 5, 1), {"group": 200, "pads": (4,) * 4, "dilations": (2, 2)},
    ),
    "one output channel": ((1, 13, 11, 24), (1, 3, 3, 24), {"pads": (1,) * 4}),
}  # fmt: skip


@pytest.mark.parametrize("name", BIG_CASES)
@pytest.mark.parametrize("fill", ["zero", "interpolate"])
@pytest.mark.parametrize("density", [None, 0.4])
def test_layers_larger_than_a_block_agree(name: str, fill: str, density: float | None) -> None:
    x, w, attributes = BIG_CASES[name]
    attributes = attributes | {"fill": fill, "activation": "relu6"}
    assert_agrees(conv_tensors(3, x, w, density, density is not None, attributes=attributes), **attributes)


@pytest.mark.parametrize("fill", ["zero", "interpolate"])
def test_mask_of_a_single_pixel(fill: str) -> None:
    tensors = conv_tensors(0, (2, 7, 9, 20), (30, 3, 3, 20), 0.0, True, attributes={"pads": (1,) * 4})
    tensors["M"][1, 3, 5] = True
    assert_agrees(tensors, pads=(1,) * 4, fill=fill)


def test_empty_mask_without_residual_gives_zeros() -> None:
    tensors = conv_tensors(0, (1, 5, 5, 8), (8, 1, 1, 8), 0.0, False, attributes={})
    assert not run_conv(tensors).any()


def test_skipped_pixels_are_never_read() -> None:
    """With a 1x1 kernel, NaN under skipped pixels must not reach the output."""
    tensors = conv_tensors(1, (1, 9, 9, 16), (16, 1, 1, 16), 0.5, False, attributes={})
    tensors["X"][~tensors["M"]] = np.nan
    assert np.isfinite(run_conv(tensors)).all()


def test_nan_in_the_input_is_not_hidden_by_the_activation() -> None:
    tensors = conv_tensors(1, (1, 2, 2, 4), (4, 1, 1, 4), None, False, attributes={})
    tensors["X"][0, 1, 1] = np.nan
    for activation in ("none", "relu", "relu6"):
        assert np.isnan(run_conv(tensors, activation=activation)[0, 1, 1]).all()


def test_weights_may_be_an_input() -> None:
    tensors = conv_tensors(2, (1, 6, 5, 12), (20, 3, 3, 12), 0.5, False, attributes={})
    np.testing.assert_array_equal(run_conv(tensors, constant=()), run_conv(tensors))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("seed", range(3))
def test_models_with_a_budget_per_image_agree(name: str, seed: int) -> None:
    """Up to three layers of at most 270 terms within [-3, 3], each rounded once."""
    model = MODELS[name]
    feeds = model.feeds(seed)
    actual = session_of(model.proto()).run(None, feeds)[0]
    np.testing.assert_allclose(actual, model.reference(feeds), rtol=1e-4, atol=5e-4)


@pytest.mark.parametrize("name", MODELS)
def test_an_image_does_not_depend_on_its_companions(name: str) -> None:
    model = MODELS[name]
    feeds = model.feeds(7)
    session = session_of(model.proto())
    alone = [
        session.run(None, {name: value[i : i + 1] for name, value in feeds.items()})[0]
        for i in range(len(next(iter(feeds.values()))))
    ]
    np.testing.assert_array_equal(session.run(None, feeds)[0], np.concatenate(alone))


@pytest.mark.parametrize("pads", [(0, 0, 0, 0), (3, 1, 3, 1)])
def test_maps_without_pixels(pads: tuple[int, ...]) -> None:
    """No images give no images; an input without rows gives what its padding gives."""
    none = conv_tensors(0, (0, 6, 6, 4), (8, 3, 3, 4), 0.5, True, attributes={"pads": pads})
    assert_agrees(none, pads=pads)
    if any(pads):
        assert_agrees(
            conv_tensors(0, (2, 0, 6, 4), (8, 3, 3, 4), 0.5, True, attributes={"pads": pads}), pads=pads
        )


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 2**16),
    shape=st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9)),
    levels=st.sampled_from([1, 3, 1000]),
    coarse_stride=st.sampled_from([0, 2]),
    ratio=st.sampled_from([-1.0, 0.0, 1e-9, 0.1, 0.25, 0.5, 0.7, 0.999, 1.0, 2.0, np.inf, np.nan]),
)
def test_budget_mask_agrees_exactly(
    seed: int, shape: tuple[int, int, int], levels: int, coarse_stride: int, ratio: float
) -> None:
    rng = np.random.default_rng(seed)
    S = (rng.integers(-levels, levels, shape) / 7).astype(np.float32)
    odd_values = np.array([np.nan, np.inf, -np.inf, -0.0, 0.0], np.float32)
    S = np.where(rng.random(shape) < 0.2, rng.choice(odd_values, shape), S)
    ratios = rng.permutation(np.resize(np.array([ratio, 0.4], np.float32), shape[0]))
    expected = budget_mask(S, ratios, coarse_stride=coarse_stride)
    np.testing.assert_array_equal(run_budget(S, ratios, coarse_stride), expected)


@pytest.mark.parametrize("shape", [(0, 3, 4), (2, 0, 4), (2, 3, 0)])
@pytest.mark.parametrize("coarse_stride", [0, 2])
def test_budget_mask_without_pixels(shape: tuple[int, int, int], coarse_stride: int) -> None:
    M = run_budget(np.zeros(shape, np.float32), np.ones(shape[0], np.float32), coarse_stride)
    assert M.shape == shape


def test_budget_mask_of_close_scores_is_exact() -> None:
    """Neighbouring floats differ in the last bits, which the search reaches last."""
    S = np.float32(0.5) + np.arange(600, dtype=np.float32).reshape(1, 20, 30) * np.float32(2**-24)
    M = run_budget(S, np.array([0.5], np.float32))
    np.testing.assert_array_equal(M, budget_mask(S, np.array([0.5], np.float32)))
