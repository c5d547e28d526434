"""Fusion: convolutions in a row whose inner maps nobody else reads become one pag::Bottleneck."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import onnx
from onnx import helper
from perforated_conv import DOMAIN

_X, _W, _B, _M, _R = range(5)
_DEFAULTS: dict[str, Any] = {
    "strides": [1, 1], "dilations": [1, 1], "pads": [0, 0, 0, 0], "group": 1,
    "activation": "none", "fill": "zero",
}  # fmt: skip


def fuse_bottlenecks(
    nodes: Sequence[onnx.NodeProto], weights: Mapping[str, Sequence[int]], outputs: set[str]
) -> list[onnx.NodeProto]:
    """The nodes with every chain first -> middle -> last 1x1 of PerforatedConv as one Bottleneck.

    Middle and last share one mask (or have none), and first has the same one if its fill is "interpolate" and
    none otherwise: what Bottleneck means. Without a fitting first, a depthwise middle is fused with the last
    alone. The fused node stands where the last one stood and keeps its name and output. Of two chains with a
    convolution in common the first is fused.

    Args:
        nodes: of a graph, in topological order.
        weights: name of an initializer -> its shape.
        outputs: names of the graph's outputs, whose maps must stay.
    """
    uses = Counter(name for node in nodes for name in node.input)
    uses.update(outputs)
    convolutions = {node.output[0]: _Conv(node, weights) for node in nodes if _is_convolution(node)}
    grids = {node.output[0] for node in nodes if _holds_grid(node)}
    fused: dict[str, onnx.NodeProto] = {}
    gone: set[str] = set()
    for name, last in convolutions.items():
        chain = _chain(last, convolutions, uses, grids)
        inner = {conv.output for conv in chain or () if conv is not None}
        if chain is not None and inner.isdisjoint(gone | fused.keys()):
            fused[name] = _bottleneck(*chain, last)
            gone |= inner
    return [fused.get(node.output[0], node) for node in nodes if node.output[0] not in gone]


class _Conv:
    """A PerforatedConv node, its inputs by place and its attributes with defaults."""

    def __init__(self, node: onnx.NodeProto, weights: Mapping[str, Sequence[int]]) -> None:
        self.node, self.output = node, node.output[0]
        self.kernel = list(weights.get(node.input[_W], ()))[1:3]
        self.inputs = [*node.input, *[""] * (5 - len(node.input))]
        values = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        texts = {name: v.decode() if isinstance(v, bytes) else v for name, v in values.items()}
        self.attributes = _DEFAULTS | texts

    def is_default(self, *names: str) -> bool:
        return all(self.attributes[name] == _DEFAULTS[name] for name in names)

    def is_pointwise(self) -> bool:
        return self.kernel == [1, 1] and self.is_default("strides", "dilations", "pads", "group")


def _is_convolution(node: onnx.NodeProto) -> bool:
    return bool(node.domain == DOMAIN and node.op_type == "PerforatedConv")


def _holds_grid(node: onnx.NodeProto) -> bool:
    """Whether the node makes a mask in which the coarse grid always is."""
    strides = [a.i for a in node.attribute if a.name == "coarse_stride"]
    return node.domain == DOMAIN and node.op_type in ("BudgetMask", "GateMask") and strides == [2]


def _chain(
    last: _Conv, convolutions: dict[str, _Conv], uses: Counter[str], grids: set[str]
) -> tuple[_Conv | None, _Conv] | None:
    middle = _only_source(last, convolutions, uses)
    if middle is None or not last.is_pointwise() or not _reads_what_is_computed(last, middle, grids):
        return None
    first = _only_source(middle, convolutions, uses)
    if first is not None and _leads_to(first, middle, last):
        return first, middle
    return (None, middle) if middle.attributes["group"] > 1 else None


def _only_source(conv: _Conv, convolutions: dict[str, _Conv], uses: Counter[str]) -> _Conv | None:
    source = convolutions.get(conv.inputs[_X])
    return source if source is not None and uses[source.output] == 1 and not source.inputs[_R] else None


def _reads_what_is_computed(last: _Conv, middle: _Conv, grids: set[str]) -> bool:
    """Whether last reads no pixel that middle fills, so that middle's own fill does not matter."""
    mask = last.inputs[_M]
    beyond_mask = last.attributes["fill"] == "interpolate" and mask not in ("", *grids)
    return middle.inputs[_M] == mask and (not beyond_mask or middle.attributes["fill"] == "interpolate")


def _leads_to(first: _Conv, middle: _Conv, last: _Conv) -> bool:
    interpolates = last.inputs[_M] != "" and last.attributes["fill"] == "interpolate"
    mask = last.inputs[_M] if interpolates else ""
    fill_fits = mask == "" or first.attributes["fill"] == "interpolate"
    plain = first.is_default("dilations", "group")
    same = first.attributes["activation"] == middle.attributes["activation"]
    return plain and same and fill_fits and first.inputs[_M] == mask


def _bottleneck(first: _Conv | None, middle: _Conv, last: _Conv) -> onnx.NodeProto:
    parameters = [first.inputs[_W], first.inputs[_B]] if first else ["", ""]
    inputs = [
        (first or middle).inputs[_X], *parameters, middle.inputs[_W], middle.inputs[_B],
        last.inputs[_W], last.inputs[_B], last.inputs[_M], last.inputs[_R],
    ]  # fmt: skip
    while not inputs[-1]:
        inputs.pop()
    attributes = {name: middle.attributes[name] for name in ("strides", "dilations", "pads", "group")}
    if first:
        attributes |= {
            "first_strides": first.attributes["strides"],
            "first_pads": first.attributes["pads"],
        }
    return helper.make_node(
        "Bottleneck", inputs, [last.output], last.node.name, domain=DOMAIN,
        inner_activation=middle.attributes["activation"], activation=last.attributes["activation"],
        fill=last.attributes["fill"], **attributes,
    )  # fmt: skip
