"""Models of one operator with typed inputs, and the types that ONNX infers of them."""

from __future__ import annotations

import onnx
from onnx import TensorProto, helper
from perforated_conv import DOMAIN, OPSET_VERSION

from model_export.op import functions


def typed_model_of(node, inputs, output="Y"):
    """One node; inputs: name to (element type, dimensions)."""
    values = [helper.make_tensor_value_info(name, *declared) for name, declared in inputs.items()]
    graph = helper.make_graph([node], "case", values, [helper.make_empty_tensor_value_info(output)])
    opsets = [helper.make_opsetid("", functions.ONNX_OPSET), helper.make_opsetid(DOMAIN, OPSET_VERSION)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=functions.IR_VERSION)


def inferred(model):
    """Element type and dimensions of the output; None where unknown."""
    result = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
    tensor = result.graph.output[0].type.tensor_type
    return tensor.elem_type, [d.dim_value if d.HasField("dim_value") else None for d in tensor.shape.dim]


def floats(*dims):
    return TensorProto.FLOAT, list(dims)
