"""Lowering of gates, of MultiPool and of the selection by a mask."""

from __future__ import annotations

import numpy as np

from model_export.export.graph import GraphBuilder
from model_export.export.layer_nodes import LayerWriter
from model_export.networks.blocks import MaskSelect
from model_export.networks.gates import Gate, LayerGate
from model_export.networks.layers import PerforatedConv2d
from model_export.networks.pooling import MultiPool


def gate(writer: LayerWriter, layer: Gate, name: str, inputs: list[str]) -> str:
    """One GateMask node; the mask is kept in writer.masks under the block's name."""
    if layer.mode != "top_k":
        raise NotImplementedError(
            f"{name}: only gates in mode 'top_k' are exported, this one is {layer.mode!r}"
        )
    graph, (x, ratio) = writer.graph, inputs
    weight = graph.constant(f"{name}.weight", layer.weight.detach().permute(0, 2, 3, 1).numpy())
    bias = graph.constant(f"{name}.bias", layer.bias.detach().numpy())
    mask = graph.pag(
        "GateMask", [x, weight, bias, ratio], name,
        strides=[layer.stride] * 2, coarse_stride=layer.coarse_stride,
    )  # fmt: skip
    writer.masks[name.removesuffix(".gate")] = mask
    return mask


def layer_gate(writer: LayerWriter, layer: LayerGate, name: str, inputs: list[str]) -> str:
    """Standard nodes from the mean over all pixels to a mask that is the same at each of them."""
    graph, (x, ratio) = writer.graph, inputs
    axis, one = graph.constant("axis_1", np.array([1])), graph.scalar(1.0)
    offset = graph.node("Unsqueeze", [_offset(graph, layer, name, ratio), axis], f"{name}.offset_column")
    logit = graph.node("Add", [_score(graph, layer, name, x), offset], f"{name}.logit")
    likely = graph.node("Greater", [logit, graph.scalar(0.0)], f"{name}.likely")
    ratio_column = graph.node("Unsqueeze", [ratio, axis], f"{name}.ratio_column")
    full = graph.node("GreaterOrEqual", [ratio_column, one], f"{name}.full")
    runs = graph.node("Or", [likely, full], f"{name}.runs")
    spread = graph.node("Unsqueeze", [runs, axis], f"{name}.runs_3d")
    size = graph.node("Shape", [x], f"{name}.size", start=0, end=3)
    strides = graph.constant(f"{name}.strides", np.array([1, layer.stride, layer.stride]))
    mask = graph.node("Expand", [spread, graph.node("Div", [size, strides], f"{name}.mask_size")], name)
    writer.masks[name.removesuffix(".gate")] = mask
    return mask


def _score(graph: GraphBuilder, layer: LayerGate, name: str, x: str) -> str:
    """[N, 1]: the gate's 1x1 convolution of the mean of x [N, H, W, C]."""
    axes = graph.constant("axes_1_2", np.array([1, 2]))
    mean = graph.node("ReduceMean", [x, axes], f"{name}.mean", keepdims=0)
    weight = graph.constant(f"{name}.weight", layer.weight.detach().reshape(-1, 1).numpy())
    bias = graph.constant(f"{name}.bias", layer.bias.detach().numpy())
    return graph.node("Gemm", [mean, weight, bias], f"{name}.score")


def _offset(graph: GraphBuilder, layer: LayerGate, name: str, ratio: str) -> str:
    """[N]: the learned multiple of the ratio's logit."""
    low, high = (graph.scalar(bound) for bound in (0.01, 0.99))
    bounded = graph.node("Clip", [ratio, low, high], f"{name}.bounded")
    rest = graph.node("Sub", [graph.scalar(1.0), bounded], f"{name}.rest")
    odds = graph.node("Log", [graph.node("Div", [bounded, rest], f"{name}.odds")], f"{name}.log_odds")
    scale = graph.constant(f"{name}.offset_scale", layer.offset_scale.detach().numpy())
    return graph.node("Mul", [odds, scale], f"{name}.offset")


def multipool(writer: LayerWriter, pool: MultiPool, name: str, inputs: list[str]) -> str:
    """The branches and what picks or weighs them, by the pool's mode."""
    x, mask = inputs[0], inputs[1] if len(inputs) > 1 else ""
    if pool.mode == "average":
        return _average(writer, pool, name, x, mask)
    logits = x
    for index, layer in enumerate(pool.head):
        logits = writer.conv(layer, f"{name}.head.{index}", logits)  # type: ignore[arg-type]
    if pool.mode == "weighted":
        return _weighted(writer, pool, name, x, mask, logits)
    return _one_branch(writer, pool, name, x, mask, logits)


def _one_branch(writer: LayerWriter, pool: MultiPool, name: str, x: str, mask: str, logits: str) -> str:
    graph = writer.graph
    choice = graph.node("ArgMax", [logits], f"{name}.choice", axis=3, keepdims=0)
    copied = graph.node("Equal", [choice, graph.constant("branch_0", np.array(0))], f"{name}.copied")
    spread = graph.node("Unsqueeze", [copied, graph.constant("axis_3", np.array([3]))], f"{name}.copied_4d")
    result = graph.node("Where", [spread, x, graph.scalar(0.0)], f"{name}.copy")
    for index, branch in enumerate(_branches(pool), start=1):
        number = graph.constant(f"branch_{index}", np.array(index))
        chosen = graph.node("Equal", [choice, number], f"{name}.chosen_{index}")
        if mask:
            chosen = graph.node("And", [chosen, mask], f"{name}.computed_{index}")
        result = writer.conv(branch, f"{name}.branch_{index}", x, chosen, result)
    return result


def _average(writer: LayerWriter, pool: MultiPool, name: str, x: str, mask: str) -> str:
    graph, outputs = writer.graph, _outputs(writer, pool, name, x, mask)
    share = graph.constant(f"{name}.share", np.array(1 / len(outputs), np.float32))
    return graph.node("Mul", [graph.node("Sum", outputs, f"{name}.sum"), share], f"{name}.mean")


def _weighted(writer: LayerWriter, pool: MultiPool, name: str, x: str, mask: str, logits: str) -> str:
    graph = writer.graph
    weights = graph.node("Softmax", [logits], f"{name}.weights", axis=3)
    parts = []
    for index, output in enumerate(_outputs(writer, pool, name, x, mask)):
        channel = graph.constant(f"channel_{index}", np.array([index]))
        weight = graph.node("Gather", [weights, channel], f"{name}.weight_{index}", axis=3)
        parts.append(graph.node("Mul", [output, weight], f"{name}.weighted_{index}"))
    return graph.node("Sum", parts, f"{name}.weighted_sum")


def _outputs(writer: LayerWriter, pool: MultiPool, name: str, x: str, mask: str) -> list[str]:
    """Every branch at the mask's pixels, the copy first; nothing reads the others."""
    convolved = (
        writer.conv(branch, f"{name}.branch_{index}", x, mask)
        for index, branch in enumerate(_branches(pool), start=1)
    )
    return [x, *convolved]


def _branches(pool: MultiPool) -> list[PerforatedConv2d]:
    return list(pool.branches)  # type: ignore[arg-type]


def select(writer: LayerWriter, _: MaskSelect, name: str, inputs: list[str]) -> str:
    """The computed value where the mask is true, the bypassed one elsewhere; no mask: all computed."""
    mask, computed, bypassed = inputs
    if not mask:
        return computed
    axis = writer.graph.constant("axis_3", np.array([3]))
    spread = writer.graph.node("Unsqueeze", [mask, axis], f"{name}.mask")
    return writer.graph.node("Where", [spread, computed, bypassed], name)
