"""GraphBuilder: ONNX nodes and initializers collected by name, tensors in N,H,W,C order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from perforated_conv import DOMAIN

from model_export.export.fusion import fuse_bottlenecks
from model_export.op.functions import IR_VERSION, ONNX_OPSET, attach

Array = npt.NDArray[Any]


class GraphBuilder:
    """Adds nodes one by one; every method returns the name of the new tensor."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: dict[str, onnx.TensorProto] = {}
        self._names: set[str] = set()

    def constant(self, name: str, value: Array) -> str:
        """An initializer; the same name twice is the same tensor."""
        if name not in self._initializers:
            self._initializers[name] = numpy_helper.from_array(np.asarray(value, order="C"), name)
        return name

    def scalar(self, value: float) -> str:
        """A float32 initializer without axes."""
        return self.constant(f"scalar_{value}", np.array(value, np.float32))

    def node(self, op_type: str, inputs: Sequence[str], name: str, **attributes: Any) -> str:
        """A node of the standard domain with one output named as the node."""
        return self._add(op_type, inputs, name, "", attributes)

    def pag(self, op_type: str, inputs: Sequence[str], name: str, **attributes: Any) -> str:
        """A node of our domain; trailing absent inputs ("") are dropped."""
        kept = list(inputs)
        while kept and not kept[-1]:
            kept.pop()
        return self._add(op_type, kept, name, DOMAIN, attributes)

    def _add(
        self, op_type: str, inputs: Sequence[str], name: str, domain: str, attributes: dict[str, Any]
    ) -> str:
        if name in self._names:
            raise ValueError(f"a node named {name!r} is there already")
        self._names.add(name)
        self._nodes.append(helper.make_node(op_type, inputs, [name], name, domain=domain, **attributes))
        return name

    def model(
        self, name: str, inputs: Sequence[onnx.ValueInfoProto], outputs: Sequence[onnx.ValueInfoProto]
    ) -> onnx.ModelProto:
        """The checked model with the function bodies of our operators attached."""
        shapes = {key: list(value.dims) for key, value in self._initializers.items()}
        nodes = fuse_bottlenecks(self._nodes, shapes, {output.name for output in outputs})
        graph = helper.make_graph(nodes, name, inputs, outputs, list(self._initializers.values()))
        opsets = [helper.make_opsetid("", ONNX_OPSET)]
        model = helper.make_model(
            graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="pag-parse"
        )
        attach(model)
        onnx.checker.check_model(model)
        return model


def float_info(name: str, shape: Sequence[int | str]) -> onnx.ValueInfoProto:
    """A float32 tensor's name and shape; strings are dynamic axes."""
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def uint8_info(name: str, shape: Sequence[int | str]) -> onnx.ValueInfoProto:
    """A uint8 tensor's name and shape; strings are dynamic axes."""
    return helper.make_tensor_value_info(name, TensorProto.UINT8, shape)
