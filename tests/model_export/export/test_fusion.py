"""Chains become one Bottleneck where that means the same, and nowhere else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from perforated_conv import DOMAIN

from model_export.export.fusion import fuse_bottlenecks
from model_export.op import functions
from model_export.op.reference import OPERATORS

SAME = {"pads": [1, 1, 1, 1]}
CHANNELS = 4
SHAPES = {
    "point": (CHANNELS, 1, 1, CHANNELS),
    "point2": (CHANNELS, 1, 1, CHANNELS),
    "spatial": (CHANNELS, 3, 3, CHANNELS),
    "depthwise": (CHANNELS, 3, 3, 1),
    "gate": (1, 1, 1, CHANNELS),
}


def conv(inputs: str, output: str, **attributes: Any) -> onnx.NodeProto:
    """A PerforatedConv; "-" stands for an absent input."""
    names = ["" if name == "-" else name for name in inputs.split()]
    return helper.make_node("PerforatedConv", names, [output], output, domain=DOMAIN, **attributes)


def gate(output: str = "M", coarse_stride: int = 2) -> onnx.NodeProto:
    inputs = ["X", "gate", "", "ratio"]
    return helper.make_node("GateMask", inputs, [output], domain=DOMAIN, coarse_stride=coarse_stride)


def first(mask: str = "M", **changes: Any) -> onnx.NodeProto:
    return conv(
        f"X point - {mask}".removesuffix(" -"), "A", **{"activation": "relu", "fill": "interpolate"} | changes
    )


def middle(mask: str = "M", weights: str = "spatial", **changes: Any) -> onnx.NodeProto:
    attributes = {"activation": "relu", **SAME, "group": CHANNELS if weights == "depthwise" else 1}
    return conv(f"A {weights} - {mask}", "B", **attributes | changes)


def last(mask: str = "M", inputs: str = "B point2", **changes: Any) -> onnx.NodeProto:
    return conv(f"{inputs} - {mask} X", "Y", **{"activation": "relu", "fill": "interpolate"} | changes)


def fused(nodes: list[onnx.NodeProto], *outputs: str) -> list[onnx.NodeProto]:
    return fuse_bottlenecks(nodes, SHAPES, set(outputs or ("Y",)))


def types(nodes: list[onnx.NodeProto]) -> list[str]:
    return [node.op_type for node in nodes if node.op_type != "GateMask"]


def run(nodes: list[onnx.NodeProto], *outputs: str) -> list[np.ndarray]:
    """The graph's outputs by the numpy reference."""
    rng = np.random.default_rng(0)
    feeds = {
        "X": rng.standard_normal((2, 6, 7, CHANNELS)).astype(np.float32),
        "ratio": np.array([0.3, 0.6], np.float32),
        "given": rng.random((2, 6, 7)) < 0.3,
        "other": rng.random((2, 6, 7)) < 0.3,
    }
    kinds = {"given": TensorProto.BOOL, "other": TensorProto.BOOL}
    inputs = [helper.make_tensor_value_info(n, kinds.get(n, 1), v.shape) for n, v in feeds.items()]
    weights = [
        numpy_helper.from_array(rng.standard_normal(shape).astype(np.float32) / 3, name)
        for name, shape in SHAPES.items()
    ]
    described = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    graph = helper.make_graph(nodes, "case", inputs, described, weights)
    opsets = [helper.make_opsetid("", functions.ONNX_OPSET), helper.make_opsetid(DOMAIN, 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=functions.IR_VERSION)
    return ReferenceEvaluator(model, new_ops=OPERATORS).run(list(outputs), feeds)


def assert_same(nodes: list[onnx.NodeProto], *outputs: str) -> None:
    """The same numbers before and after, to the last bit: the reference runs a Bottleneck's parts."""
    outputs = outputs or ("Y",)
    for before, after in zip(run(nodes, *outputs), run(fused(nodes, *outputs), *outputs), strict=True):
        np.testing.assert_array_equal(before, after)


DENSE = {"fill": "zero"}
WHOLE = {
    "interpolated": [gate(), first(), middle(), last()],
    "the middle's own fill is not seen": [gate(), first(), middle(fill="interpolate"), last()],
    "interpolated under any mask": [first("given"), middle("given", fill="interpolate"), last("given")],
    "skipped": [gate(coarse_stride=0), first("-", **DENSE), middle(**DENSE), last(**DENSE)],
    "skipped, the middle interpolated": [
        first("-"), middle("given", fill="interpolate"), last("given", **DENSE),
    ],
    "dense": [first("-"), middle("-"), last("-")],
    "strided": [first("-", strides=[2, 2]), middle("-", dilations=[2, 2]), conv("B point2", "Y")],
    "depthwise": [gate(), first(), middle(weights="depthwise"), last()],
    "another activation at the end": [gate(), first(), middle(), last(activation="none")],
}  # fmt: skip


@pytest.mark.parametrize("name", WHOLE)
def test_a_block_becomes_one_node_and_means_the_same(name: str) -> None:
    nodes = WHOLE[name]
    assert types(fused(nodes)) == ["Bottleneck"]
    assert_same(nodes)


def test_the_node_has_the_last_one_s_name_place_and_output() -> None:
    nodes = [gate(), first(), middle(), last(), helper.make_node("Relu", ["Y"], ["Z"])]
    got = fused(nodes, "Z")
    assert [node.op_type for node in got] == ["GateMask", "Bottleneck", "Relu"]
    assert (got[1].name, list(got[1].output)) == ("Y", ["Y"])


KEPT: dict[str, tuple[list[onnx.NodeProto], tuple[str, ...]]] = {
    "a map between is an output": ([gate(), first(), middle(), last()], ("Y", "A", "B")),
    "the middle's map has two readers": (
        [gate(), first(), middle(), last(), helper.make_node("Relu", ["B"], ["Z"])], ("Y", "Z"),
    ),
    "the first one's map is the residual": ([first("-"), middle("-"), conv("B point2 - - A", "Y")], ("Y",)),
    "masks of middle and last differ": ([first("-"), middle("given"), last("other", **DENSE)], ("Y",)),
    "the first has another mask": (
        [first("other"), middle("given", fill="interpolate"), last("given")], ("Y",),
    ),
    "the first is dense, the others interpolated": (
        [first("-"), middle("given", fill="interpolate"), last("given")], ("Y",),
    ),
    "the first is masked though fill is zero": (
        [first("given", **DENSE), middle("given", **DENSE), last("given", **DENSE)], ("Y",),
    ),
    "the first is masked and filled by zero, the others interpolated": (
        [first("given", **DENSE), middle("given", fill="interpolate"), last("given")], ("Y",),
    ),
    "the last is masked alone": ([first("-"), middle("-"), last("given")], ("Y",)),
    "the last is no 1x1": ([gate(), first(), middle(), last(inputs="B spatial", **SAME)], ("Y",)),
    "the last is strided": ([first("-"), middle("-"), conv("B point2", "Y", strides=[2, 2])], ("Y",)),
    "the last is depthwise": (
        [first("-"), middle("-"), conv("B depthwise", "Y", **SAME, group=CHANNELS)], ("Y",),
    ),
    "the middle has a residual": ([first("-"), conv("A spatial - - X", "B", **SAME), last("-")], ("Y",)),
    "the first has a residual": (
        [conv("X point - - X", "A", activation="relu"), middle("-"), last("-")], ("Y",),
    ),
    "activations of first and middle differ": (
        [first("-", activation="relu6"), middle("-"), last("-")], ("Y",),
    ),
    "the first is dilated": (
        [conv("X spatial", "A", activation="relu", pads=[2] * 4, dilations=[2, 2]), middle("-"), last("-")],
        ("Y",),
    ),
    "the last interpolates from grid pixels that the middle fills": (
        [first("given"), middle("given"), last("given")], ("Y",),
    ),
    "the mask of a gate without a grid may lack grid pixels": (
        [gate(coarse_stride=0), first(), middle(), last()], ("Y",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", KEPT)
def test_what_would_mean_something_else_is_kept(name: str) -> None:
    nodes, outputs = KEPT[name]
    assert fused(nodes, *outputs) == nodes


def test_the_shape_of_the_last_one_s_weights_must_be_known() -> None:
    nodes = [first("-"), middle("-"), last("-")]
    assert fuse_bottlenecks(nodes, {}, {"Y"}) == nodes


def test_a_depthwise_middle_is_fused_with_the_last_where_the_first_does_not_fit() -> None:
    nodes = [first("given", **DENSE), middle("other", "depthwise", **DENSE), last("other", **DENSE)]
    got = fused(nodes)
    assert types(got) == ["PerforatedConv", "Bottleneck"]
    assert list(got[1].input) == ["A", "", "", "depthwise", "", "point2", "", "other", "X"]
    assert_same(nodes)


def test_a_residual_may_come_from_anywhere_before() -> None:
    nodes = [
        gate(),
        first(),
        helper.make_node("Relu", ["X"], ["R"]),
        middle(),
        conv("B point2 - M R", "Y", fill="interpolate"),
    ]
    assert types(fused(nodes)) == ["Relu", "Bottleneck"]
    assert_same(nodes)


LAYERS = {"point": {}, "spatial": SAME, "depthwise": SAME | {"group": CHANNELS}}


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_row_of_convolutions_means_the_same(data: st.DataObject) -> None:
    """Chains that overlap, maps that others read too, masks and fills of every kind."""
    nodes, maps = [gate()], ["X"]
    for index in range(data.draw(st.integers(2, 6))):
        weights = data.draw(st.sampled_from(["point", "point", "spatial", "depthwise"]))
        x = maps[-1] if data.draw(st.integers(0, 5)) else data.draw(st.sampled_from(maps))
        mask = data.draw(st.sampled_from(["-", "-", "M", "M", "given"]))
        residual = data.draw(st.sampled_from(["-", "-", "-", *maps]))
        fill = data.draw(st.sampled_from(["zero", "interpolate", "interpolate"]))
        activation = data.draw(st.sampled_from(["relu", "relu", "none"]))
        nodes.append(
            conv(
                f"{x} {weights} - {mask} {residual}",
                f"Y{index}",
                fill=fill,
                activation=activation,
                **LAYERS[weights],
            )
        )
        maps.append(f"Y{index}")
    outputs = {maps[-1], *data.draw(st.sets(st.sampled_from(maps[1:]), max_size=1))}
    assert_same(nodes, *sorted(outputs))


def test_two_chains_with_a_convolution_in_common_are_not_both_fused() -> None:
    nodes = [conv("X point", "A"), conv("A point", "B"), conv("B point", "C"), conv("C point2", "Y")]
    assert types(fused(nodes)) == ["Bottleneck", "PerforatedConv"]
    assert_same(nodes)


@pytest.mark.parametrize(
    ("name", "bottlenecks"), [("efficientnet_lite0", 20), ("resnet26", 9), ("skip", 9), ("bypass", 1)]
)
def test_exported_networks_are_fused(exported: Callable[[str], Any], name: str, bottlenecks: int) -> None:
    """All blocks but the one with MultiPool, whose head is fused instead; and none that is bypassed."""
    kinds = Counter(node.op_type for node in onnx.load(exported(name).model).graph.node)
    assert kinds["Bottleneck"] == bottlenecks


def test_the_shipped_network_is_fused() -> None:
    path = Path(__file__).parents[3] / "weights" / "efficientnet_lite0-nyuv2" / "model.onnx"
    if not path.is_file():
        pytest.skip("the weights are not in this checkout")
    kinds = Counter(node.op_type for node in onnx.load(path).graph.node)
    assert kinds["Bottleneck"] == 20
