"""Wrong inputs of the native operators are refused by name and shape; none reaches a kernel."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_export.op.reference import budget_mask, perforated_conv
from tests.contract.op_nodes import (
    CONV_INPUTS,
    Array,
    conv_tensors,
    needs_library,
    node_session,
    run_budget,
    run_conv,
)

pytestmark = needs_library

CONSTANT = [("W", "B"), (), CONV_INPUTS[1:]]
GOOD = conv_tensors(0, (1, 6, 6, 4), (8, 3, 3, 4), 0.5, True, attributes={})
DEPTHWISE = conv_tensors(0, (2, 5, 6, 4), (4, 3, 3, 1), 0.5, True, attributes={"pads": (1,) * 4})
S = np.linspace(-1, 1, 24, dtype=np.float32).reshape(2, 3, 4)
RATIO = np.array([0.25, 0.5], np.float32)


def refused(message: str) -> Any:
    """pytest.raises of an error of ONNX Runtime that matches the message."""
    return pytest.raises(
        Exception, match=message, check=lambda e: type(e).__module__.startswith("onnxruntime")
    )


def text(shape: tuple[int, ...]) -> str:
    return re.escape("[" + ",".join(map(str, shape)) + "]")


BAD_INPUTS = {
    "X of rank 3": ({"X": GOOD["X"][0]}, {}, r"X .*\[N,H,W,Ci\].*\[6,6,4\]"),
    "channels of X": ({"X": GOOD["X"][..., :3]}, {}, r"X .*\[1,6,6,3\].*W \[8,3,3,4\]"),
    "X without channels": ({"X": GOOD["X"][..., :0]}, {}, r"X .*\[1,6,6,0\].*W \[8,3,3,4\]"),
    "X without rows": ({"X": GOOD["X"][:, :0]}, {}, r"X .*\[1,0,6,4\].*Y \[1,0,4,8\]"),
    "X without images": ({"X": GOOD["X"][:0]}, {}, r"M .*\[1,4,4\].*\[0,4,4\].*X .*\[0,6,6,4\]"),
    "W of rank 3": ({"W": GOOD["W"][0]}, {}, r"W .*\[Co,kh,kw,Ci/group\].*\[3,3,4\]"),
    "empty W": ({"W": GOOD["W"][:, :0]}, {}, r"W .*\[8,0,3,4\]"),
    "W without outputs": ({"W": GOOD["W"][:0]}, {}, r"W .*\[0,3,3,4\]"),
    "bias": ({"B": GOOD["B"][:7]}, {}, r"B .*\[7\].*\[8\]"),
    "empty bias": ({"B": GOOD["B"][:0]}, {}, r"B .*\[0\].*\[8\]"),
    "bias of rank 0": ({"B": np.float32([1]).reshape(())}, {}, r"B .*\[\].*\[8\]"),
    "mask": ({"M": GOOD["M"][:, :3]}, {}, r"M .*\[1,3,4\].*\[1,4,4\]"),
    "mask of the input's size": ({"M": GOOD["X"][..., 0] > 0}, {}, r"M .*\[1,6,6\].*\[1,4,4\]"),
    "empty mask": ({"M": GOOD["M"][:, :0]}, {}, r"M .*\[1,0,4\].*\[1,4,4\]"),
    "mask with channels": ({"M": GOOD["M"][..., None]}, {}, r"M .*\[1,4,4,1\].*\[1,4,4\]"),
    "residual": ({"R": GOOD["R"][..., :1]}, {}, r"R .*\[1,4,4,1\].*\[1,4,4,8\]"),
    "empty residual": ({"R": GOOD["R"][..., :0]}, {}, r"R .*\[1,4,4,0\].*\[1,4,4,8\]"),
    "empty output": ({}, {"dilations": (3, 1)}, r"X .*\[1,6,6,4\].*Y \[1,0,4,8\]"),
    "too many pixels": ({}, {"pads": (2**24,) * 4}, r"Y \[1,33554436,33554436,8\].*2\^31"),
    "group": ({}, {"group": 2}, r"group .*2.*\[8,3,3,4\]"),
    "group of none": ({}, {"group": 0}, r"group .*0.*\[8,3,3,4\]"),
    "group beyond 32 bits": ({}, {"group": 2**62 + 1}, r"group .*4611686018427387905.*\[8,3,3,4\]"),
    "activation": ({}, {"activation": "swish"}, "activation .*swish"),
    "empty activation": ({}, {"activation": ""}, "activation must be .*''"),
    "fill": ({}, {"fill": "nearest"}, "fill .*nearest"),
    "strides of another type": ({}, {"strides": (0.5, 0.5)}, "strides must be"),
    "activation of another type": ({}, {"activation": 1}, "activation .*string"),
    "group of another type": ({}, {"group": "all"}, "group .*integer"),
}


def bad_attributes() -> list[tuple[str, tuple[int, ...]]]:
    """Lists of integers out of range, or too many or few."""
    cases = []
    for name, count, least in (("strides", 2, 1), ("dilations", 2, 1), ("pads", 4, 0)):
        for value in (least - 1, 2**24 + 1, 2**63 - 1, -(2**63)):
            cases.append((name, (value, *(count - 1) * [1])))
        cases += [(name, (1,)), (name, (1,) * (count + 1))]
    return cases


@pytest.mark.parametrize("name", BAD_INPUTS)
@pytest.mark.parametrize("constant", CONSTANT)
def test_wrong_inputs_are_refused_with_both_shapes(name: str, constant: tuple[str, ...]) -> None:
    changed, attributes, message = BAD_INPUTS[name]
    with refused(message):
        run_conv(GOOD | changed, constant, **attributes)


@pytest.mark.parametrize(("name", "values"), bad_attributes())
def test_attributes_out_of_range_are_refused(name: str, values: tuple[int, ...]) -> None:
    with refused(f"{name} must be .*{text(values)}"):
        run_conv(GOOD, **{name: values})


SHAPES = st.lists(st.integers(0, 7), max_size=5).map(tuple)


def near(shape: tuple[int, ...]) -> st.SearchStrategy[tuple[int, ...]]:
    """Shapes that differ in an axis or two, or in their rank, or altogether."""
    axes = [st.sampled_from([size, size, size, 0, 1, size + 1, 2 * size]) for size in shape]
    return st.one_of(st.tuples(*axes), st.tuples(*axes[1:]), st.tuples(*axes, st.just(1)), SHAPES)


@settings(max_examples=250, deadline=None)
@given(data=st.data(), depthwise=st.booleans(), constant=st.sampled_from(CONSTANT))
def test_any_shape_is_computed_or_refused(
    data: st.DataObject, depthwise: bool, constant: tuple[str, ...]
) -> None:
    tensors = dict(DEPTHWISE if depthwise else GOOD)
    attributes = {"pads": (1,) * 4, "group": 4} if depthwise else {}
    for name in data.draw(st.sets(st.sampled_from(CONV_INPUTS), min_size=1, max_size=2)):
        shape = data.draw(near(tensors[name].shape), label=name)
        tensors[name] = np.resize(tensors[name], shape)
    try:
        expected = perforated_conv(**tensors, **attributes)
    except ValueError:
        expected = None
    if expected is not None and 0 not in tensors["W"].shape:
        np.testing.assert_allclose(run_conv(tensors, constant, **attributes), expected, atol=1e-4)
        return
    shapes = "|".join(text(value.shape) for value in tensors.values())
    with refused(rf"\b[XWBMR]\b.*({shapes})"):
        run_conv(tensors, constant, **attributes)


TYPES = [np.float64, np.float16, np.float32, np.int32, np.uint8, np.bool_]
TENSORS: dict[str, Array] = GOOD | {"S": S, "ratio": RATIO}
OPERATORS = {"PerforatedConv": CONV_INPUTS, "BudgetMask": ("S", "ratio")}


@pytest.mark.parametrize(
    ("op", "name", "kind"),
    [
        (op, name, kind)
        for op, names in OPERATORS.items()
        for name in names
        for kind in TYPES
        if kind != TENSORS[name].dtype
    ],
)
def test_other_types_are_refused(op: str, name: str, kind: type) -> None:
    feeds = {name: TENSORS[name] for name in OPERATORS[op]} | {name: TENSORS[name].astype(kind)}
    with refused(rf"Type 'tensor\(.*parameter \({name}\) of operator \({op}\)"):
        node_session(op, OPERATORS[op], feeds, {})


@pytest.mark.parametrize("op", OPERATORS)
def test_required_inputs_are_required(op: str) -> None:
    names = OPERATORS[op]
    for missing in names[:2]:
        with refused(f"{op}.*input"):
            node_session(op, names, {name: TENSORS[name] for name in names if name != missing}, {})


@pytest.mark.parametrize("coarse_stride", [-2, 1, 3, 2**32, 2**32 + 2, 2.0, "2", (2,)])
def test_unknown_coarse_strides_are_refused(coarse_stride: Any) -> None:
    with refused("coarse_stride must be"):
        run_budget(S, RATIO, coarse_stride)


@settings(max_examples=150, deadline=None)
@given(scores=near(S.shape), ratios=near(RATIO.shape), coarse_stride=st.sampled_from([0, 2]))
def test_any_shape_is_masked_or_refused(
    scores: tuple[int, ...], ratios: tuple[int, ...], coarse_stride: int
) -> None:
    tensors = np.resize(S, scores), np.resize(RATIO, ratios)
    try:
        expected = budget_mask(*tensors, coarse_stride=coarse_stride)
    except ValueError:
        bad_rank, bad_count = rf"S must be .*{text(scores)}", rf"ratio .*{text(ratios)}.*S {text(scores)}"
        with refused(bad_count if len(scores) == 3 else bad_rank):
            run_budget(*tensors, coarse_stride)
        return
    np.testing.assert_array_equal(run_budget(*tensors, coarse_stride), expected)
