"""Blocks and gates of any geometry, run by ONNX Runtime, agree with the numpy reference."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from model_export.op.reference import bottleneck, perforated_conv
from tests.support.operators.nodes import INPUTS, Array, needs_library, out_size, run_node, uniform

pytestmark = needs_library

Case = tuple[dict[str, Array], dict[str, Any]]


def weights(rng: np.random.Generator, *shape: int) -> Array:
    """Sums of about unit variance, however many terms they have."""
    return uniform(rng, *shape) * np.float32((3 / np.prod(shape[1:])) ** 0.5)


@st.composite
def blocks(draw: st.DrawFn) -> Case:
    """A bottleneck whose tensors fit each other."""
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    depthwise, fill = draw(st.booleans()), draw(st.sampled_from(["zero", "interpolate"]))
    has_first = not depthwise or draw(st.booleans())
    channels, inner, out = (draw(st.integers(1, 40) | st.integers(1, 90)) for _ in range(3))
    size, first_kernel, first_stride = [draw(st.integers(1, 24)) for _ in "yx"], 1, 1
    tensors, attributes = {}, {"fill": fill}
    if has_first:
        first_kernel, first_stride = draw(st.sampled_from([(1, 1), (3, 1), (3, 2), (1, 2)]))
        pad = first_kernel // 2
        tensors["W_first"] = weights(rng, inner, first_kernel, first_kernel, channels)
        tensors["B_first"] = uniform(rng, inner)
        attributes |= {"first_strides": (first_stride,) * 2, "first_pads": (pad,) * 4}
    else:  # a single channel would be no depthwise convolution
        inner = channels = channels + 1
    X = uniform(rng, draw(st.integers(1, 3)), *size, channels)
    size = [out_size(n, first_kernel, first_stride, 1, 2 * (first_kernel // 2)) for n in size]

    kernel, dilation = draw(st.sampled_from([1, 3, 5])), draw(st.integers(1, 3))
    # Interpolation needs a middle convolution that keeps the size.
    stride = draw(st.integers(1, 2)) if fill == "zero" else 1
    pad = dilation * (kernel - 1) // 2
    size = [out_size(n, kernel, stride, dilation, 2 * pad) for n in size]
    middle = inner if depthwise else draw(st.integers(1, 70))
    attributes |= {"strides": (stride,) * 2, "dilations": (dilation,) * 2, "pads": (pad,) * 4}
    attributes |= {"group": inner if depthwise else 1, "inner_activation": draw(ACTIVATIONS)}
    attributes["activation"] = draw(ACTIVATIONS)
    tensors |= {"X": X, "W": weights(rng, middle, kernel, kernel, 1 if depthwise else inner)}
    tensors |= {"W_last": weights(rng, out, 1, 1, middle), "B_last": uniform(rng, out)}
    if draw(st.booleans()):
        tensors["M"] = rng.random((len(X), *size)) < draw(st.sampled_from([0.0, 0.1, 0.6, 1.0]))
    if draw(st.booleans()):
        tensors["R"] = uniform(rng, len(X), *size, out)
    return tensors, attributes


ACTIVATIONS = st.sampled_from(["none", "relu", "relu6"])


@settings(max_examples=150, deadline=None)
@given(case=blocks())
def test_any_block_agrees_with_the_reference(case: Case) -> None:
    """Values of some units, after a few hundred roundings by 2^-24."""
    tensors, attributes = case
    expected = bottleneck(**{name: tensors.get(name) for name in INPUTS["Bottleneck"]}, **attributes)
    constant = [name for name in tensors if name[0] in "WB"]
    actual = run_node("Bottleneck", tensors, constant, **attributes)
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=3e-5)


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 2**16),
    shape=st.tuples(st.integers(1, 3), st.integers(3, 20), st.integers(3, 20), st.integers(1, 90)),
    stride=st.integers(1, 2),
    coarse_stride=st.sampled_from([0, 2]),
    ratio=st.sampled_from([-1.0, 0.0, 0.1, 0.5, 0.9, 1.0, np.nan]),
)
def test_a_gate_takes_the_best_of_its_scores(
    seed: int, shape: tuple[int, int, int, int], stride: int, coarse_stride: int, ratio: float
) -> None:
    """As many pixels as the ratio says; a pixel left out scores no better, but for the scores' rounding."""
    rng = np.random.default_rng(seed)
    ratios = np.resize(np.array([ratio, 0.4], np.float32), shape[0])
    tensors = {"X": uniform(rng, *shape), "W": weights(rng, 1, 1, 1, shape[3]), "ratio": ratios}
    attributes = {"strides": (stride, stride)}
    M = run_node("GateMask", tensors, ["W"], coarse_stride=coarse_stride, **attributes)
    scores = perforated_conv(tensors["X"], tensors["W"], **attributes)[..., 0]
    grid = np.zeros(scores.shape[1:], bool)
    if coarse_stride:
        grid[::2, ::2] = True
    for image, score, ratio_here in zip(M, scores, ratios, strict=True):
        product = np.float32(ratio_here) * np.float32(score.size)
        paid = int(product) if product > 0 else 0
        assert image.sum() == min(score.size, max(paid, int(grid.sum())))
        assert image[grid].all()
        chosen, left = score[image & ~grid], score[~image]
        if chosen.size and left.size:
            assert chosen.min() >= left.max() - 1e-5
