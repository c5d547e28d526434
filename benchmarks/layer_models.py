"""A layer as an ONNX model: by our operator with its function body, and by the standard Conv."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from perforated_conv import DOMAIN

from benchmarks.layers import Float, Layer
from model_export.op.functions import IR_VERSION, ONNX_OPSET, attach


def own_model(layer: Layer, W: Float, B: Float, masked: bool) -> onnx.ModelProto:
    """PerforatedConv with its function body; X and Y [N, H, W, C], a mask M [N, H, W] if `masked`."""
    inputs = ["X", "W", "B", *(["M"] if masked else [])]
    node = helper.make_node("PerforatedConv", inputs, ["Y"], domain=DOMAIN, **layer.attributes)
    return _model(node, {"W": W, "B": B})


def stock_model(layer: Layer, W: Float, B: Float) -> onnx.ModelProto:
    """The standard Conv; X and Y [N, C, H, W]."""
    node = helper.make_node("Conv", ["X", "W", "B"], ["Y"], **layer.attributes)
    return _model(node, {"W": np.ascontiguousarray(W.transpose(0, 3, 1, 2)), "B": B})


def _model(node: onnx.NodeProto, constants: Mapping[str, NDArray[Any]]) -> onnx.ModelProto:
    inputs = [helper.make_tensor_value_info("X", onnx.TensorProto.FLOAT, [None] * 4)]
    if "M" in node.input:
        inputs.append(helper.make_tensor_value_info("M", onnx.TensorProto.BOOL, [None] * 3))
    outputs = [helper.make_tensor_value_info("Y", onnx.TensorProto.FLOAT, [None] * 4)]
    initializers = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph([node], "layer", inputs, outputs, initializers)
    result = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", ONNX_OPSET)], ir_version=IR_VERSION
    )
    attach(result)
    return result
