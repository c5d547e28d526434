"""The native kernels, run by ONNX Runtime node by node, agree with the numpy reference."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from perforated_conv import DOMAIN, OPSET_VERSION, library_path

from model_export.op.reference import budget_mask, perforated_conv

Array = NDArray[Any]
CAP = "PERFORATED_CONV_MAX_ISA"
CONV_INPUTS = ("X", "W", "B", "M", "R")

LIBRARY = library_path()
pytestmark = pytest.mark.skipif(LIBRARY is None, reason="installed without the native library")


def node_session(
    op: str, names: tuple[str, ...], feeds: dict[str, Array], constants: dict[str, Array], **attributes: Any
) -> onnxruntime.InferenceSession:
    """A session of one node; inputs neither fed nor constant are left out of it."""
    given_names = [name if name in feeds or name in constants else "" for name in names]
    while given_names[-1] == "":
        given_names.pop()
    node = helper.make_node(op, given_names, ["Y"], domain=DOMAIN, **attributes)
    inputs = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), [None] * value.ndim)
        for name, value in feeds.items()
    ]
    kind, rank = (onnx.TensorProto.BOOL, 3) if op == "BudgetMask" else (onnx.TensorProto.FLOAT, 4)
    graph = helper.make_graph(
        [node],
        op,
        inputs,
        [helper.make_tensor_value_info("Y", kind, [None] * rank)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", 22), helper.make_opsetid(DOMAIN, OPSET_VERSION)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    options.log_severity_level = 4  # refusals are expected and read from the exception
    options.register_custom_ops_library(str(LIBRARY))
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def run_conv(tensors: dict[str, Array], constant: tuple[str, ...] = ("W", "B"), **attributes: Any) -> Array:
    feeds = {name: value for name, value in tensors.items() if name not in constant}
    constants = {name: value for name, value in tensors.items() if name in constant}
    session = node_session("PerforatedConv", CONV_INPUTS, feeds, constants, **attributes)
    return session.run(None, feeds)[0]


def run_budget(S: Array, ratio: Array, coarse_stride: int = 0) -> Array:
    feeds = {"S": S, "ratio": ratio}
    session = node_session("BudgetMask", ("S", "ratio"), feeds, {}, coarse_stride=coarse_stride)
    return session.run(None, feeds)[0]


def assert_agrees(tensors: dict[str, Array], **attributes: Any) -> None:
    """Native equals reference. The reference adds in float64, the kernels one float32 term after another:
    for values in [-1, 1] each of the K additions may round by half a unit of the partial sum."""
    expected = perforated_conv(**tensors, **attributes)
    actual = run_conv(tensors, **attributes)
    depth = tensors["W"][0].size
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=2e-7 * (depth + 10))


def uniform(rng: np.random.Generator, *shape: int) -> Array:
    return rng.uniform(-1, 1, shape).astype(np.float32)


def out_size(size: int, kernel: int, stride: int, dilation: int, pads: int) -> int:
    return (size + pads - dilation * (kernel - 1) - 1) // stride + 1


def conv_tensors(
    seed: int,
    x: tuple[int, int, int, int],
    w: tuple[int, int, int, int],
    density: float | None,
    residual: bool,
    *,
    attributes: dict[str, Any],
) -> dict[str, Array]:
    """Random inputs; density of the mask, or None for no mask."""
    rng = np.random.default_rng(seed)
    strides, dilations = attributes.get("strides", (1, 1)), attributes.get("dilations", (1, 1))
    pads = attributes.get("pads", (0, 0, 0, 0))
    out = [out_size(x[1 + a], w[1 + a], strides[a], dilations[a], pads[a] + pads[a + 2]) for a in (0, 1)]
    tensors = {"X": uniform(rng, *x), "W": uniform(rng, *w), "B": uniform(rng, w[0])}
    if density is not None:
        tensors["M"] = rng.random((x[0], *out)) < density
    if residual:
        tensors["R"] = 4 * uniform(rng, x[0], *out, w[0])
    return tensors


@st.composite
def conv_cases(draw: st.DrawFn) -> tuple[dict[str, Array], dict[str, Any]]:
    """A node of any geometry with inputs that fit it."""
    kernel = (draw(st.integers(1, 5)), draw(st.integers(1, 5)))
    strides = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    dilations = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    pads = tuple(draw(st.integers(0, 4)) for _ in range(4))
    smallest = [max(1, dilations[a] * (kernel[a] - 1) + 1 - pads[a] - pads[a + 2]) for a in (0, 1)]
    size = [low + draw(st.integers(0, 6)) for low in smallest]
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
    tensors = conv_tensors(
        draw(st.integers(0, 2**16)),
        (draw(st.integers(1, 2)), size[0], size[1], channels),
        (outputs, *kernel, channels // group),
        draw(st.sampled_from([None, 0.0, 0.3, 0.7, 1.0])),
        draw(st.booleans()),
        attributes=attributes,
    )
    if draw(st.booleans()):
        del tensors["B"]
    return tensors, attributes


@settings(max_examples=150, deadline=None)
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


def test_one_session_serves_several_threads_at_once() -> None:
    tensors = conv_tensors(4, (1, 40, 40, 32), (48, 3, 3, 32), 0.5, True, attributes={"pads": (1,) * 4})
    constants = {name: tensors.pop(name) for name in ("W", "B")}
    session = node_session(
        "PerforatedConv",
        CONV_INPUTS,
        tensors,
        constants,
        pads=(1,) * 4,
        fill="interpolate",
        activation="relu",
    )
    rng = np.random.default_rng(0)
    feeds = [tensors | {"M": rng.random(tensors["M"].shape) < density} for density in np.linspace(0, 1, 8)]
    expected = [session.run(None, feed)[0] for feed in feeds]
    with ThreadPoolExecutor(4) as pool:
        actual = list(pool.map(lambda i: session.run(None, feeds[i % 8])[0], range(64)))
    for i, result in enumerate(actual):
        np.testing.assert_array_equal(result, expected[i % 8])


GOOD = conv_tensors(0, (1, 6, 6, 4), (8, 3, 3, 4), 0.5, True, attributes={})

BAD_INPUTS = {
    "X of rank 3": ({"X": GOOD["X"][0]}, {}, r"X .*\[N,H,W,Ci\].*\[6,6,4\]"),
    "channels of X": ({"X": GOOD["X"][..., :3]}, {}, r"X .*\[1,6,6,3\].*W \[8,3,3,4\]"),
    "W of rank 3": ({"W": GOOD["W"][0]}, {}, r"W .*\[Co,kh,kw,Ci/group\].*\[3,3,4\]"),
    "empty W": ({"W": GOOD["W"][:, :0]}, {}, r"W .*\[8,0,3,4\]"),
    "bias": ({"B": GOOD["B"][:7]}, {}, r"B .*\[7\].*\[8\]"),
    "mask": ({"M": GOOD["M"][:, :3]}, {}, r"M .*\[1,3,4\].*\[1,4,4\]"),
    "residual": ({"R": GOOD["R"][..., :1]}, {}, r"R .*\[1,4,4,1\].*\[1,4,4,8\]"),
    "empty output": ({}, {"dilations": (3, 1)}, r"X .*\[1,6,6,4\].*Y \[1,0,4,8\]"),
    "group": ({}, {"group": 2}, r"group .*2.*\[8,3,3,4\]"),
    "activation": ({}, {"activation": "swish"}, "activation .*swish"),
    "fill": ({}, {"fill": "nearest"}, "fill .*nearest"),
    "strides": ({}, {"strides": (0, 1)}, r"strides .*\[0,1\]"),
    "strides of another type": ({}, {"strides": (0.5, 0.5)}, "strides must be"),
    "activation of another type": ({}, {"activation": 1}, "activation .*string"),
    "group of another type": ({}, {"group": "all"}, "group .*integer"),
    "pads": ({}, {"pads": (1, 1)}, r"pads .*\[1,1\]"),
}


@pytest.mark.parametrize("name", BAD_INPUTS)
@pytest.mark.parametrize("constant", [("W", "B"), ()])
def test_wrong_inputs_are_refused_with_both_shapes(name: str, constant: tuple[str, ...]) -> None:
    changed, attributes, message = BAD_INPUTS[name]
    with pytest.raises(Exception, match=message) as caught:
        run_conv(GOOD | changed, constant, **attributes)
    assert type(caught.value).__module__.startswith("onnxruntime")


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


def test_budget_mask_of_close_scores_is_exact() -> None:
    """Neighbouring floats differ in the last bits, which the search reaches last."""
    S = np.float32(0.5) + np.arange(600, dtype=np.float32).reshape(1, 20, 30) * np.float32(2**-24)
    M = run_budget(S, np.array([0.5], np.float32))
    np.testing.assert_array_equal(M, budget_mask(S, np.array([0.5], np.float32)))


def test_budget_mask_refuses_what_does_not_fit() -> None:
    S, ratio = np.zeros((2, 3, 3), np.float32), np.ones(1, np.float32)
    with pytest.raises(Exception, match=r"ratio .*\[1\].*\[2\].*S \[2,3,3\]"):
        run_budget(S, ratio)
    with pytest.raises(Exception, match=r"coarse_stride .*3"):
        run_budget(S, np.ones(2, np.float32), coarse_stride=3)


@pytest.mark.skipif(CAP in os.environ, reason="this run is itself capped")
@pytest.mark.parametrize("isa", ["portable", "avx2"])
def test_lower_kernel_levels_agree_too(isa: str) -> None:
    """The cap is read once per process, so each level has a process that runs this file again."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(Path(__file__))]
    run = subprocess.run(
        command, env=os.environ | {CAP: isa}, capture_output=True, text=True, timeout=300, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
