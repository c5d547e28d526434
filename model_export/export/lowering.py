"""Lowering: the traced network, layer by layer, to the operators of domain pag and standard ones.

torch.fx gives the order of the layers from DenseParser.forward itself, so the architecture is written once;
each kind of layer and function has one lowering, by LAYERS and FUNCTIONS.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from model_export.export import gate_nodes
from model_export.export.graph import GraphBuilder
from model_export.export.layer_nodes import LayerWriter
from model_export.networks.blocks import MaskSelect
from model_export.networks.gates import Gate, LayerGate
from model_export.networks.layers import PerforatedConv2d
from model_export.networks.parser import DenseParser
from model_export.networks.pooling import MultiPool
from model_export.networks.tasks import Maps


class _RatioColumns(nn.Module):
    """The network with its gates' ratios as one tensor [N, G]."""

    def __init__(self, network: DenseParser) -> None:
        super().__init__()
        self.network = network
        self.names = list(network.gates())

    def forward(self, image: Tensor, ratios: Tensor) -> Maps:
        columns = {name: ratios[:, index] for index, name in enumerate(self.names)}
        maps: Maps = self.network(image, columns)
        return maps


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, tuple(LAYERS))


class Lowering:
    """Lowers one network; every traced value becomes a tensor in N,H,W,C order."""

    def __init__(self, network: DenseParser, graph: GraphBuilder) -> None:
        self.writer = LayerWriter(graph)
        self._root = _RatioColumns(network)
        self._tensors: dict[fx.Node, str] = {}

    def run(self, image: str, ratios: str) -> dict[str, str]:
        """Task -> name of its map as trained, N,h,w,C.

        Args:
            image: name of a float N,H,W,3.
            ratios: name of a float [N, G].
        """
        traced = _Tracer().trace(self._root)
        inputs = iter((image, ratios))
        for node in traced.nodes:
            if node.op == "placeholder":
                self._tensors[node] = next(inputs)
            elif node.op == "output":
                return {str(task): self.tensor(value) for task, value in node.args[0].items()}
            else:
                self._tensors[node] = self._lower(node)
        raise AssertionError("a traced graph ends with its output")

    def tensor(self, value: Any) -> str:
        """Name of a traced value's tensor; "" for None, a scalar initializer for a number."""
        if value is None:
            return ""
        if isinstance(value, fx.Node):
            return self._tensors[value]
        return self.writer.graph.scalar(value)

    def _lower(self, node: fx.Node) -> str:
        if node.op == "call_module":
            module = self._root.get_submodule(str(node.target))
            name = str(node.target).removeprefix("network.")
            return LAYERS[type(module)](
                self.writer, module, name, [self.tensor(value) for value in node.args]
            )
        target = node.target
        if target not in FUNCTIONS:
            raise NotImplementedError(f"no lowering for {target} at {node.name}; add it to FUNCTIONS")
        return FUNCTIONS[target](self, node)


Layer = Callable[[LayerWriter, Any, str, list[str]], str]


def _conv(writer: LayerWriter, layer: PerforatedConv2d, name: str, inputs: list[str]) -> str:
    return writer.conv(layer, name, *inputs)


def _maxpool(writer: LayerWriter, pool: nn.MaxPool2d, name: str, inputs: list[str]) -> str:
    graph = writer.graph
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


LAYERS: dict[type[nn.Module], Layer] = {
    PerforatedConv2d: _conv,
    Gate: gate_nodes.gate,
    LayerGate: gate_nodes.layer_gate,
    MultiPool: gate_nodes.multipool,
    nn.MaxPool2d: _maxpool,
    MaskSelect: gate_nodes.select,
}


def _add(lowering: Lowering, node: fx.Node) -> str:
    return lowering.writer.graph.node("Add", [lowering.tensor(value) for value in node.args], node.name)


def _relu(lowering: Lowering, node: fx.Node) -> str:
    return lowering.writer.graph.node("Relu", [lowering.tensor(node.args[0])], node.name)


def _column(lowering: Lowering, node: fx.Node) -> str:
    index = node.args[1][1]  # type: ignore[index]
    place = lowering.writer.graph.constant(f"column_{index}", np.array(index))
    return lowering.writer.graph.node("Gather", [lowering.tensor(node.args[0]), place], node.name, axis=1)


def _interpolate(lowering: Lowering, node: fx.Node) -> str:
    factor = float(node.kwargs["scale_factor"])  # type: ignore[arg-type]
    scales = lowering.writer.graph.constant(f"scales_{factor}", np.array([1, factor, factor, 1], np.float32))
    inputs = [lowering.tensor(node.args[0]), "", scales]
    mode = "half_pixel"
    return lowering.writer.graph.node(
        "Resize", inputs, node.name, mode="linear", coordinate_transformation_mode=mode
    )


def _normalize(lowering: Lowering, node: fx.Node) -> str:
    graph, x = lowering.writer.graph, lowering.tensor(node.args[0])
    axis = graph.constant("axis_3", np.array([3]))
    norm = graph.node("ReduceL2", [x, axis], f"{node.name}.norm")
    least = graph.constant("least_norm", np.array(node.kwargs["eps"], np.float32))
    return graph.node("Div", [x, graph.node("Max", [norm, least], f"{node.name}.bounded")], node.name)


def _mean(lowering: Lowering, node: fx.Node) -> str:
    graph = lowering.writer.graph
    axes = graph.constant("axes_1_2", np.array([1, 2]))
    return graph.node("ReduceMean", [lowering.tensor(node.args[0]), axes], node.name, keepdims=1)


def _clamp(lowering: Lowering, node: fx.Node) -> str:
    return lowering.writer.graph.node("Clip", [lowering.tensor(value) for value in node.args], node.name)


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
