"""Wrong inputs and attributes of the native operators are refused with the name and both shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.support.operators.good import GOOD
from tests.support.operators.nodes import INPUTS, Array, needs_library, node_session, refused, run_node, text

pytestmark = needs_library

Bad = tuple[dict[str, Array], dict[str, Any], str]

CONV = GOOD["convolution"].tensors
BLOCK = GOOD["bottleneck"].tensors
GATE = GOOD["gate mask"].tensors
LOGITS = GOOD["labels"].tensors["L"]
S, RATIO = GOOD["budget mask"].tensors.values()

# name: (inputs in place of good ones, attributes beside the good ones, the message)
BAD_CONVOLUTIONS: dict[str, Bad] = {
    "X of rank 3": ({"X": CONV["X"][0]}, {}, r"X .*\[N,H,W,Ci\].*\[6,6,4\]"),
    "channels of X": ({"X": CONV["X"][..., :3]}, {}, r"X .*\[1,6,6,3\].*W \[8,3,3,4\]"),
    "X without channels": ({"X": CONV["X"][..., :0]}, {}, r"X .*\[1,6,6,0\].*W \[8,3,3,4\]"),
    "X without rows": ({"X": CONV["X"][:, :0]}, {}, r"X .*\[1,0,6,4\].*Y \[1,0,4,8\]"),
    "X without images": ({"X": CONV["X"][:0]}, {}, r"M .*\[1,4,4\].*\[0,4,4\].*X .*\[0,6,6,4\]"),
    "W of rank 3": ({"W": CONV["W"][0]}, {}, r"W .*\[Co,kh,kw,Ci/group\].*\[3,3,4\]"),
    "empty W": ({"W": CONV["W"][:, :0]}, {}, r"W .*\[8,0,3,4\]"),
    "W without outputs": ({"W": CONV["W"][:0]}, {}, r"W .*\[0,3,3,4\]"),
    "bias": ({"B": CONV["B"][:7]}, {}, r"B .*\[7\].*\[8\]"),
    "empty bias": ({"B": CONV["B"][:0]}, {}, r"B .*\[0\].*\[8\]"),
    "bias of rank 0": ({"B": np.array(1, np.float32)}, {}, r"B .*\[\].*\[8\]"),
    "mask": ({"M": CONV["M"][:, :3]}, {}, r"M .*\[1,3,4\].*\[1,4,4\]"),
    "mask of the input's size": ({"M": CONV["X"][..., 0] > 0}, {}, r"M .*\[1,6,6\].*\[1,4,4\]"),
    "empty mask": ({"M": CONV["M"][:, :0]}, {}, r"M .*\[1,0,4\].*\[1,4,4\]"),
    "mask with channels": ({"M": CONV["M"][..., None]}, {}, r"M .*\[1,4,4,1\].*\[1,4,4\]"),
    "residual": ({"R": CONV["R"][..., :1]}, {}, r"R .*\[1,4,4,1\].*\[1,4,4,8\]"),
    "empty residual": ({"R": CONV["R"][..., :0]}, {}, r"R .*\[1,4,4,0\].*\[1,4,4,8\]"),
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
BAD_BOTTLENECKS: dict[str, Bad] = {
    "channels of X": ({"X": BLOCK["X"][..., :2]}, {}, r"X .*\[1,6,5,2\].*\[4,1,1,3\]"),
    "W_first of rank 3": (
        {"W_first": BLOCK["W_first"][0]},
        {},
        r"W_first .*\[Co,kh,kw,Ci/group\].*\[1,1,3\]",
    ),
    "middle after first": ({"W": BLOCK["W"][..., :3]}, {}, r"W \[5,3,3,3\].*W_first \[4,1,1,3\]"),
    "last after middle": ({"W_last": BLOCK["W_last"][..., :4]}, {}, r"W_last \[7,1,1,4\].*W \[5,3,3,4\]"),
    "last of 3x3": ({"W_last": BLOCK["W"]}, {}, r"W_last .*\[Co,1,1,C2\].*\[5,3,3,4\]"),
    "empty W_first": ({"W_first": BLOCK["W_first"][..., :0]}, {}, r"W_first .*\[4,1,1,0\]"),
    "bias of first": ({"B_first": BLOCK["B_first"][:0]}, {}, r"B_first .*\[0\].*\[4\]"),
    "bias of middle": ({"B": BLOCK["B"][:4]}, {}, r"B .*\[4\].*\[5\]"),
    "bias of last": ({"B_last": BLOCK["B"]}, {}, r"B_last .*\[5\].*\[7\]"),
    "mask": ({"M": BLOCK["M"][:, :3]}, {}, r"M .*\[1,3,5\].*\[1,6,5\]"),
    "empty mask": ({"M": BLOCK["M"][:, :0]}, {}, r"M .*\[1,0,5\].*\[1,6,5\]"),
    "residual": ({"R": BLOCK["R"][..., :6]}, {}, r"R .*\[1,6,5,6\].*\[1,6,5,7\]"),
    "interpolation of another size": ({}, {"fill": "interpolate", "strides": (2, 2)}, "interpolate"),
    "inner activation": ({}, {"inner_activation": "swish"}, "inner_activation .*swish"),
    "strides of first": ({}, {"first_strides": (0, 1)}, r"first_strides must be .*\[0,1\]"),
    "pads of first": ({}, {"first_pads": (1, 1)}, r"first_pads must be .*\[1,1\]"),
}
BAD_GATES: dict[str, Bad] = {
    "X of rank 3": ({"X": GATE["X"][0]}, {}, r"X .*\[N,H,W,Ci\].*\[3,4,4\]"),
    "channels of X": ({"X": GATE["X"][..., :3]}, {}, r"X .*\[2,3,4,3\].*W \[1,1,1,4\]"),
    "several scores": ({"W": CONV["W"]}, {}, r"W .*\[1,.*Ci\].*\[8,3,3,4\]"),
    "bias": ({"B": CONV["B"]}, {}, r"B .*\[8\].*\[1\]"),
    "empty bias": ({"B": CONV["B"][:0]}, {}, r"B .*\[0\].*\[1\]"),
    "ratio": ({"ratio": RATIO[:1]}, {}, r"ratio .*\[1\].*\[2\].*X \[2,3,4,4\]"),
    "ratio of rank 2": ({"ratio": RATIO[None]}, {}, r"ratio .*\[1,2\].*\[2\].*X \[2,3,4,4\]"),
}
BAD_MASKS: dict[str, Bad] = {
    "S of rank 2": ({"S": S[0]}, {}, r"S .*\[N,H,W\].*\[3,4\]"),
    "ratio": ({"ratio": RATIO[:1]}, {}, r"ratio .*\[1\].*\[2\].*S \[2,3,4\]"),
    "empty ratio": ({"ratio": RATIO[:0]}, {}, r"ratio .*\[0\].*\[2\].*S \[2,3,4\]"),
}
BAD_LABELS: dict[str, Bad] = {
    "L of rank 3": ({"L": LOGITS[0]}, {}, r"L .*\[N,h,w,K\].*\[3,4,5\]"),
    "L without pixels": ({"L": LOGITS[:, :0]}, {}, r"L .*\[2,0,4,5\]"),
    "L of too many classes": ({"L": np.zeros((1, 1, 1, 257), np.float32)}, {}, r"L .*\[1,1,1,257\].*256"),
    "size of one number": ({"size": np.array([4])}, {}, r"size .*\[1\].*\[2\]"),
    "size of nothing": ({"size": np.array([4, 0])}, {}, r"size .*\[4,0\]"),
    "size below nothing": ({"size": np.array([-(2**63), 4])}, {}, r"size .*\[-9223372036854775808,4\]"),
    "size beyond reason": ({"size": np.array([4, 2**63 - 1])}, {}, r"size .*\[4,9223372036854775807\]"),
    "extent of one number": ({"extent": np.ones(1, np.float32)}, {}, r"extent .*\[1\].*\[2\]"),
    "extent of nothing": ({"extent": np.array([0, 4], np.float32)}, {}, "extent "),
    "extent beyond L": ({"extent": np.array([3, 4.5], np.float32)}, {}, "extent "),
    "extent not a number": ({"extent": np.array([np.nan, 4], np.float32)}, {}, "extent "),
}
BAD_STRIDES: dict[str, Bad] = {
    f"coarse stride {stride!r}": ({}, {"coarse_stride": stride}, "coarse_stride must be")
    for stride in (-2, 1, 3, 2**32, 2**32 + 2, 2.0, "2", (2,))
}
BAD: dict[str, dict[str, Bad]] = {
    "convolution": BAD_CONVOLUTIONS,
    "bottleneck": BAD_BOTTLENECKS,
    "gate mask": BAD_GATES | BAD_STRIDES,
    "budget mask": BAD_MASKS | BAD_STRIDES,
    "labels": BAD_LABELS,
}


def test_each_operator_has_wrong_inputs() -> None:
    assert {GOOD[name].op for name in BAD} == INPUTS.keys()


@pytest.mark.parametrize(("good", "name"), [(good, name) for good, cases in BAD.items() for name in cases])
@pytest.mark.parametrize("constant", ["WB", "", "WBMR"])
def test_wrong_inputs_are_refused_with_both_shapes(good: str, name: str, constant: str) -> None:
    """`constant`: initials of the inputs that are constants of the graph."""
    case = GOOD[good]
    changed, attributes, message = BAD[good][name]
    tensors = case.tensors | changed
    with refused(message):
        run_node(case.op, tensors, [n for n in tensors if n[0] in constant], **(case.attributes | attributes))


def bad_lists() -> list[tuple[str, str, tuple[int, ...]]]:
    """Lists of integers out of range, or too many or few: a good call, the attribute, its values."""
    cases = []
    for good, name, count, least in [
        ("convolution", "strides", 2, 1),
        ("convolution", "dilations", 2, 1),
        ("convolution", "pads", 4, 0),
        ("bottleneck", "strides", 2, 1),
        ("bottleneck", "dilations", 2, 1),
        ("bottleneck", "pads", 4, 0),
        ("bottleneck", "first_strides", 2, 1),
        ("bottleneck", "first_pads", 4, 0),
        ("gate mask", "strides", 2, 1),
    ]:
        for value in (least - 1, 2**24 + 1, 2**63 - 1, -(2**63)):
            cases.append((good, name, (value, *(count - 1) * [1])))
        cases += [(good, name, (1,)), (good, name, (1,) * (count + 1))]
    return cases


@pytest.mark.parametrize(("good", "name", "values"), bad_lists())
def test_attributes_out_of_range_are_refused(good: str, name: str, values: tuple[int, ...]) -> None:
    case = GOOD[good]
    with refused(f"{name} must be .*{text(values)}"):
        run_node(case.op, case.tensors, **(case.attributes | {name: values}))


TYPES = [np.float64, np.float16, np.float32, np.int32, np.uint8, np.bool_]


@pytest.mark.parametrize(
    ("good", "name", "kind"),
    [
        (good, name, kind)
        for good in BAD
        for name, tensor in GOOD[good].tensors.items()
        for kind in TYPES
        if kind != tensor.dtype
    ],
)
def test_other_types_are_refused(good: str, name: str, kind: type) -> None:
    case = GOOD[good]
    feeds = case.tensors | {name: case.tensors[name].astype(kind)}
    with refused(rf"Type 'tensor\(.*parameter \({name}\) of operator \({case.op}\)"):
        node_session(case.op, feeds, {}, **case.attributes)


@pytest.mark.parametrize(
    ("good", "missing"),
    [
        ("convolution", "X"),
        ("convolution", "W"),
        ("bottleneck", "X"),
        ("bottleneck", "W"),
        ("bottleneck", "W_last"),
        ("gate mask", "X"),
        ("gate mask", "W"),
        ("gate mask", "ratio"),
        ("budget mask", "S"),
        ("budget mask", "ratio"),
        ("labels", "L"),
        ("labels", "size"),
    ],
)
def test_required_inputs_are_required(good: str, missing: str) -> None:
    case = GOOD[good]
    feeds = {name: value for name, value in case.tensors.items() if name != missing}
    with refused(f"{case.op}.*input"):
        node_session(case.op, feeds, {}, **case.attributes)


def test_only_a_depthwise_block_does_without_its_first_convolution() -> None:
    feeds = {name: value for name, value in BLOCK.items() if not name.endswith("first")}
    feeds["X"] = np.resize(feeds["X"], (1, 6, 5, 4))
    with refused("W_first.*depthwise"):
        run_node("Bottleneck", feeds, **GOOD["bottleneck"].attributes)
