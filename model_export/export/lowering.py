"""Lowering: the traced network, layer by layer, to the operators of domain pag and standard ones.

torch.fx gives the order of the layers from DenseParser.forward itself, so the architecture is written once;
each kind of layer and function has one lowering here, by LAYERS and FUNCTIONS.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from model_export.export.graph import GraphBuilder
from model_export.networks.blocks import MaskSelect
from model_export.networks.gates import Gate, LayerGate
from model_export.networks.layers import PerforatedConv2d
from model_export.networks.parser import DenseParser
from model_export.networks.pooling import MultiPool


class _RatioColumns(nn.Module):
    """The network with its gates' ratios as one tensor [N, G]."""

    def __init__(self, network: DenseParser) -> None:
        super().__init__()
        self.network = network
        self.names = list(network.gates())

    def forward(self, image: Tensor, ratios: Tensor) -> tuple[Tensor, ...]:
        columns = {name: ratios[:, index] for index, name in enumerate(self.names)}
        return tuple(self.network(image, columns))


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, tuple(LAYERS))


class Lowering:
    """Lowers one network; `tensors` maps each traced value to the name of its N,H,W,C tensor."""

    def __init__(self, network: DenseParser, graph: GraphBuilder) -> None:
        self.graph = graph
        self.root = _RatioColumns(network)
        self.masks: dict[str, str] = {}
        self._tensors: dict[fx.Node, str] = {}

    def run(self, image: str, ratios: str) -> tuple[str, ...]:
        """Names of (semantic logits, log depth, normals), all N,h,w,C; image float N,H,W,3, ratios [N, G]."""
        traced = _Tracer().trace(self.root)
        inputs = iter((image, ratios))
        for node in traced.nodes:
            if node.op == "placeholder":
                self._tensors[node] = next(inputs)
            elif node.op == "output":
                return tuple(self.tensor(value) for value in node.args[0])
            else:
                self._tensors[node] = self._lower(node)
        raise AssertionError("a traced graph ends with its output")

    def tensor(self, value: Any) -> str:
        """Name of a traced value's tensor; "" for None, a scalar initializer for a number."""
        if value is None:
            return ""
        if isinstance(value, fx.Node):
            return self._tensors[value]
        return self.graph.constant(f"scalar_{value}", np.array(value, np.float32))

    def _lower(self, node: fx.Node) -> str:
        if node.op == "call_module":
            module = self.root.get_submodule(str(node.target))
            name = str(node.target).removeprefix("network.")
            return LAYERS[type(module)](self, module, name, [self.tensor(value) for value in node.args])
        target = node.target
        if target not in FUNCTIONS:
            raise NotImplementedError(f"no lowering for {target} at {node.name}; add it to FUNCTIONS")
        return FUNCTIONS[target](self, node)

    def conv(
        self, layer: PerforatedConv2d, name: str, x: str, mask: str = "", residual: str = "", **changes: str
    ) -> str:
        """One PerforatedConv node with the batch norm folded into its weights."""
        weight, bias = layer.folded()
        attributes: dict[str, Any] = {
            "strides": [layer.stride] * 2,
            "dilations": [layer.dilation] * 2,
            "pads": list(layer.pads),
            "group": layer.groups,
            "activation": layer.activation,
            "fill": "zero" if layer.fill == "unread" else layer.fill,
        }
        inputs = [
            x,
            self._weight(f"{name}.weight", weight),
            self._array(f"{name}.bias", bias),
            mask,
            residual,
        ]
        return self.graph.pag("PerforatedConv", inputs, name, **(attributes | changes))

    def _weight(self, name: str, weight: Tensor) -> str:
        return self._array(name, weight.permute(0, 2, 3, 1))

    def _array(self, name: str, value: Tensor) -> str:
        return self.graph.constant(name, value.detach().float().numpy())


Layer = Callable[[Lowering, Any, str, list[str]], str]


def _conv(lowering: Lowering, layer: PerforatedConv2d, name: str, inputs: list[str]) -> str:
    return lowering.conv(layer, name, *inputs)


def _gate(lowering: Lowering, gate: Gate, name: str, inputs: list[str]) -> str:
    if gate.mode != "top_k":
        raise NotImplementedError(
            f"{name}: only gates in mode 'top_k' are exported, this one is {gate.mode!r}"
        )
    graph = lowering.graph
    weight = gate.weight.detach().permute(0, 2, 3, 1).numpy()
    parameters = [
        graph.constant(f"{name}.weight", weight),
        graph.constant(f"{name}.bias", gate.bias.detach().numpy()),
    ]
    mask = graph.pag(
        "GateMask", [inputs[0], *parameters, inputs[1]], name,
        strides=[gate.stride] * 2, coarse_stride=gate.coarse_stride,
    )  # fmt: skip
    lowering.masks[name.removesuffix(".gate")] = mask
    return mask


def _layer_gate(lowering: Lowering, gate: LayerGate, name: str, inputs: list[str]) -> str:
    graph, (x, ratio) = lowering.graph, inputs
    axes = graph.constant("axes_1_2", np.array([1, 2]))
    mean = graph.node("ReduceMean", [x, axes], f"{name}.mean", keepdims=0)
    weight = graph.constant(f"{name}.weight", gate.weight.detach().reshape(-1, 1).numpy())
    bias = graph.constant(f"{name}.bias", gate.bias.detach().numpy())
    scored = graph.node("Gemm", [mean, weight, bias], f"{name}.score")
    low, high = (graph.constant(f"ratio_{bound}", np.array(bound, np.float32)) for bound in (0.01, 0.99))
    bounded = graph.node("Clip", [ratio, low, high], f"{name}.bounded")
    one = graph.constant("scalar_1.0", np.array(1.0, np.float32))
    odds = graph.node("Div", [bounded, graph.node("Sub", [one, bounded], f"{name}.rest")], f"{name}.odds")
    scale = graph.constant(f"{name}.offset_scale", gate.offset_scale.detach().numpy())
    offset = graph.node("Mul", [graph.node("Log", [odds], f"{name}.log_odds"), scale], f"{name}.offset")
    axis = graph.constant("axis_1", np.array([1]))
    column = graph.node("Unsqueeze", [offset, axis], f"{name}.offset_column")
    logit = graph.node("Add", [scored, column], f"{name}.logit")
    zero = graph.constant("scalar_0.0", np.array(0.0, np.float32))
    chosen = graph.node("Greater", [logit, zero], f"{name}.chosen")
    ratio_column = graph.node("Unsqueeze", [ratio, axis], f"{name}.ratio_column")
    full = graph.node("GreaterOrEqual", [ratio_column, one], f"{name}.full")
    runs = graph.node("Or", [chosen, full], f"{name}.runs")
    spread = graph.node("Unsqueeze", [runs, axis], f"{name}.runs_3d")
    size = graph.node("Shape", [x], f"{name}.size", start=0, end=3)
    strides = graph.constant(f"{name}.strides", np.array([1, gate.stride, gate.stride]))
    mask = graph.node("Expand", [spread, graph.node("Div", [size, strides], f"{name}.mask_size")], name)
    lowering.masks[name.removesuffix(".gate")] = mask
    return mask


def _multipool(lowering: Lowering, pool: MultiPool, name: str, inputs: list[str]) -> str:
    graph, x = lowering.graph, inputs[0]
    mask = inputs[1] if len(inputs) > 1 else ""
    logits = x
    for index, layer in enumerate(pool.head):
        logits = lowering.conv(layer, f"{name}.head.{index}", logits)  # type: ignore[arg-type]
    if pool.mode != "pag":
        return _mixed_branches(lowering, pool, name, x, logits)
    choice = graph.node("ArgMax", [logits], f"{name}.choice", axis=3, keepdims=0)
    copied = graph.node("Equal", [choice, graph.constant("branch_0", np.array(0))], f"{name}.copied")
    spread = graph.node("Unsqueeze", [copied, graph.constant("axis_3", np.array([3]))], f"{name}.copied_4d")
    zero = graph.constant("scalar_0.0", np.array(0.0, np.float32))
    result = graph.node("Where", [spread, x, zero], f"{name}.copy")
    for index, branch in enumerate(pool.branches, start=1):
        number = graph.constant(f"branch_{index}", np.array(index))
        chosen = graph.node("Equal", [choice, number], f"{name}.chosen_{index}")
        if mask:
            chosen = graph.node("And", [chosen, mask], f"{name}.computed_{index}")
        result = lowering.conv(branch, f"{name}.branch_{index}", x, chosen, result)  # type: ignore[arg-type]
    return result


def _mixed_branches(lowering: Lowering, pool: MultiPool, name: str, x: str, logits: str) -> str:
    """Every branch at every pixel, and their mean or their weighted sum."""
    graph, count = lowering.graph, len(pool.branches) + 1
    branches = [x] + [
        lowering.conv(branch, f"{name}.branch_{index}", x)  # type: ignore[arg-type]
        for index, branch in enumerate(pool.branches, start=1)
    ]
    if pool.mode == "average":
        share = graph.constant(f"{name}.share", np.array(1 / count, np.float32))
        return graph.node("Mul", [graph.node("Sum", branches, f"{name}.sum"), share], f"{name}.mean")
    weights = graph.node("Softmax", [logits], f"{name}.weights", axis=3)
    weighted = []
    for index, branch in enumerate(branches):
        channel = graph.constant(f"channel_{index}", np.array([index]))
        weight = graph.node("Gather", [weights, channel], f"{name}.weight_{index}", axis=3)
        weighted.append(graph.node("Mul", [branch, weight], f"{name}.weighted_{index}"))
    return graph.node("Sum", weighted, f"{name}.weighted_sum")


def _maxpool(lowering: Lowering, pool: nn.MaxPool2d, name: str, inputs: list[str]) -> str:
    graph = lowering.graph
    size, stride, padding = (int(value) for value in (pool.kernel_size, pool.stride, pool.padding))  # type: ignore[arg-type]
    first = graph.node("Transpose", inputs, f"{name}.channels_first", perm=[0, 3, 1, 2])
    pooled = graph.node(
        "MaxPool",
        [first],
        f"{name}.pooled",
        kernel_shape=[size] * 2,
        strides=[stride] * 2,
        pads=[padding] * 4,
    )
    return graph.node("Transpose", [pooled], name, perm=[0, 2, 3, 1])


def _select(lowering: Lowering, _: MaskSelect, name: str, inputs: list[str]) -> str:
    mask, computed, bypassed = inputs
    if not mask:
        return computed
    axis = lowering.graph.constant("axis_3", np.array([3]))
    spread = lowering.graph.node("Unsqueeze", [mask, axis], f"{name}.mask")
    return lowering.graph.node("Where", [spread, computed, bypassed], name)


LAYERS: dict[type[nn.Module], Layer] = {
    PerforatedConv2d: _conv,
    Gate: _gate,
    LayerGate: _layer_gate,
    MultiPool: _multipool,
    nn.MaxPool2d: _maxpool,
    MaskSelect: _select,
}


def _add(lowering: Lowering, node: fx.Node) -> str:
    return lowering.graph.node("Add", [lowering.tensor(value) for value in node.args], node.name)


def _relu(lowering: Lowering, node: fx.Node) -> str:
    return lowering.graph.node("Relu", [lowering.tensor(node.args[0])], node.name)


def _column(lowering: Lowering, node: fx.Node) -> str:
    index = node.args[1][1]  # type: ignore[index]
    place = lowering.graph.constant(f"column_{index}", np.array(index))
    return lowering.graph.node("Gather", [lowering.tensor(node.args[0]), place], node.name, axis=1)


def _interpolate(lowering: Lowering, node: fx.Node) -> str:
    factor = float(node.kwargs["scale_factor"])  # type: ignore[arg-type]
    scales = lowering.graph.constant(f"scales_{factor}", np.array([1, factor, factor, 1], np.float32))
    inputs = [lowering.tensor(node.args[0]), "", scales]
    mode = "half_pixel"
    return lowering.graph.node(
        "Resize", inputs, node.name, mode="linear", coordinate_transformation_mode=mode
    )


def _normalize(lowering: Lowering, node: fx.Node) -> str:
    graph, x = lowering.graph, lowering.tensor(node.args[0])
    axis = graph.constant("axis_3", np.array([3]))
    norm = graph.node("ReduceL2", [x, axis], f"{node.name}.norm")
    least = graph.constant("least_norm", np.array(node.kwargs["eps"], np.float32))
    return graph.node("Div", [x, graph.node("Max", [norm, least], f"{node.name}.bounded")], node.name)


def _mean(lowering: Lowering, node: fx.Node) -> str:
    axes = lowering.graph.constant("axes_1_2", np.array([1, 2]))
    return lowering.graph.node("ReduceMean", [lowering.tensor(node.args[0]), axes], node.name, keepdims=1)


def _clamp(lowering: Lowering, node: fx.Node) -> str:
    return lowering.graph.node("Clip", [lowering.tensor(value) for value in node.args], node.name)


def _same(lowering: Lowering, node: fx.Node) -> str:
    return lowering.tensor(node.args[0])


FUNCTIONS: dict[Any, Callable[[Lowering, fx.Node], str]] = {
    operator.add: _add,
    operator.getitem: _column,
    F.relu: _relu,
    F.interpolate: _interpolate,
    F.normalize: _normalize,
    torch.clamp: _clamp,
    "float": _same,
    "mean": _mean,
}
