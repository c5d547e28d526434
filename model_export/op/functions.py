"""The operators' bodies as model-local functions, so that any runtime runs a model without our library.

A function body cannot depend on a string attribute or on an absent input without run-time If nodes, which
stop ONNX Runtime's fusions and its cancelling of transposes; and an absent input may not be named inside a
branch either. So there is one body per variant in use, told apart by the `overload` field of node and
function (IR version 10). The operator stays pag::PerforatedConv, which is all that a native kernel is matched
by. Strides, dilations, pads and group are references to the node's attributes and need no variant, nor does
an absent bias, which Conv accepts. The body of a Bottleneck is the bodies of three PerforatedConv nodes.

A body works channels first between a Transpose of its input and one of its output. ONNX Runtime 1.32
inlines the bodies and cancels what lies between neighbours: a chain of five keeps two Transposes, and five
dense nodes with ReLU become five fused Convs.

ONNX Runtime honours the overload; onnx.reference does not, so it needs the operators of
model_export.op.reference or the model that `inlined` returns.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import onnx
import onnx.inliner
import onnx.parser
from perforated_conv import DOMAIN, OPSET_VERSION

from model_export.op.bodies import (
    bottleneck_text,
    budget_mask_text,
    gate_mask_text,
    perforated_conv_text,
    upsampled_labels_text,
)

ONNX_OPSET = 22
IR_VERSION = 10

ACTIVATIONS = ("none", "relu", "relu6")
FILLS = ("zero", "interpolate")


def attach(model: onnx.ModelProto) -> None:
    """Add the bodies of all operators of our domain that the model uses, in place.

    Names the variant in each node's overload field, replaces functions of our domain already there, and
    imports the domain; the model's IR version is raised to 10 where it is older.

    Raises:
        ValueError: the model does not import opset 22 of the standard operators; a node of our domain is
            unknown or has an unknown attribute value.
    """
    opsets = {entry.domain: entry.version for entry in model.opset_import}
    if opsets.get("") != ONNX_OPSET:
        raise ValueError(f"the model imports opset {opsets.get('')}, but the bodies need {ONNX_OPSET}")
    bodies: dict[tuple[str, str], onnx.FunctionProto] = {}
    for node in _nodes(model.graph.node):
        if node.domain == DOMAIN:
            body = function(node)
            node.overload = body.overload
            bodies[body.name, body.overload] = body
    kept = [f for f in model.functions if f.domain != DOMAIN]
    del model.functions[:]
    model.functions.extend(kept + list(bodies.values()))
    if bodies and DOMAIN not in opsets:
        model.opset_import.append(onnx.helper.make_opsetid(DOMAIN, OPSET_VERSION))
    model.ir_version = max(model.ir_version, IR_VERSION)


def inlined(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy with the attached bodies put in place of our operators: standard operators alone."""
    return onnx.inliner.inline_local_functions(model)


def function(node: onnx.NodeProto) -> onnx.FunctionProto:
    """The body for one node of our domain; its overload names the variant, as in "zero_residual_relu".

    Raises:
        ValueError: the node is of an unknown type or has an unknown attribute value.
    """
    values = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute if not a.ref_attr_name}
    if node.op_type not in _BODIES:
        raise ValueError(f"{node.domain}::{node.op_type} is not an operator of this domain")
    return _BODIES[node.op_type](node, values)


def _perforated_conv(node: onnx.NodeProto, values: dict[str, object]) -> onnx.FunctionProto:
    activation = _choice(values, "activation", ACTIVATIONS)
    fill: str | None = _choice(values, "fill", FILLS)
    if not _has_input(node, 3):
        fill = None
    residual = _has_input(node, 4)
    overload = "_".join([fill or "dense", *(["residual"] if residual else []), activation])
    text = perforated_conv_text(
        DOMAIN, ONNX_OPSET, overload, fill=fill, residual=residual, activation=activation
    )
    return onnx.parser.parse_function(text)


def _bottleneck(node: onnx.NodeProto, values: dict[str, object]) -> onnx.FunctionProto:
    inner_activation = _choice(values, "inner_activation", ACTIVATIONS)
    activation = _choice(values, "activation", ACTIVATIONS)
    fill: str | None = _choice(values, "fill", FILLS)
    if not _has_input(node, 7):
        fill = None
    first, residual = _has_input(node, 1), _has_input(node, 8)
    parts = ["first"] * first + [fill or "dense"] + ["residual"] * residual + [inner_activation, activation]
    overload = "_".join(parts)
    text = bottleneck_text(
        DOMAIN,
        OPSET_VERSION,
        ONNX_OPSET,
        overload,
        first=first,
        fill=fill,
        residual=residual,
        inner_activation=inner_activation,
        activation=activation,
    )
    return _flat(onnx.parser.parse_function(text))


def _flat(body: onnx.FunctionProto) -> onnx.FunctionProto:
    """The body with our operators' bodies in place: ONNX Runtime 1.32 finds none of nested nodes."""
    inner = {}
    for node in body.node:
        if node.domain == DOMAIN:
            nested = function(node)
            node.overload = nested.overload
            inner[nested.name, nested.overload] = nested
    opsets = [onnx.helper.make_opsetid("", ONNX_OPSET), onnx.helper.make_opsetid(DOMAIN, OPSET_VERSION)]
    model = onnx.helper.make_model(
        onnx.helper.make_graph([], "none", [], []),
        functions=[body, *inner.values()], opset_imports=opsets, ir_version=IR_VERSION,
    )  # fmt: skip
    names = [(DOMAIN, name) for name, _ in inner]
    flat: onnx.FunctionProto = onnx.inliner.inline_selected_functions(model, names).functions[0]
    return flat


def _budget_mask(_: onnx.NodeProto, values: dict[str, object]) -> onnx.FunctionProto:
    grid = _has_grid(values)
    overload = "grid" if grid else "scores"
    return onnx.parser.parse_function(budget_mask_text(DOMAIN, ONNX_OPSET, overload, grid=grid))


def _gate_mask(_: onnx.NodeProto, values: dict[str, object]) -> onnx.FunctionProto:
    grid = _has_grid(values)
    overload = "grid" if grid else "scores"
    text = gate_mask_text(DOMAIN, OPSET_VERSION, ONNX_OPSET, overload, grid=grid)
    return _flat(onnx.parser.parse_function(text))


def _upsampled_labels(node: onnx.NodeProto, _: dict[str, object]) -> onnx.FunctionProto:
    extent = _has_input(node, 2)
    text = upsampled_labels_text(DOMAIN, ONNX_OPSET, "extent" if extent else "whole", extent=extent)
    return onnx.parser.parse_function(text)


_BODIES = {
    "PerforatedConv": _perforated_conv,
    "Bottleneck": _bottleneck,
    "BudgetMask": _budget_mask,
    "GateMask": _gate_mask,
    "UpsampledLabels": _upsampled_labels,
}


def _has_grid(values: dict[str, object]) -> bool:
    coarse_stride = values.get("coarse_stride", 0)
    if coarse_stride not in (0, 2):
        raise ValueError(f"coarse_stride must be 0 or 2, got {coarse_stride}")
    return coarse_stride == 2


def _choice(values: dict[str, object], name: str, choices: tuple[str, ...]) -> str:
    value = values.get(name, choices[0].encode())
    text = value.decode() if isinstance(value, bytes) else str(value)
    if text not in choices:
        raise ValueError(f"{name} must be one of {choices}, got {text!r}")
    return text


def _has_input(node: onnx.NodeProto, index: int) -> bool:
    return len(node.input) > index and node.input[index] != ""


def _nodes(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.NodeProto]:
    """All nodes, those of nested graphs included."""
    for node in nodes:
        yield node
        for attribute in node.attribute:
            for graph in [attribute.g, *attribute.graphs]:
                yield from _nodes(graph.node)
