"""labels.onnx: from logits to labels at any size, as a model of one node."""

from __future__ import annotations

import onnx
from onnx import TensorProto, helper
from perforated_conv import DOMAIN, OPSET_VERSION

from model_export.export.graph import float_info, uint8_info
from model_export.op.functions import IR_VERSION, ONNX_OPSET


def labels_model() -> onnx.ModelProto:
    """Inputs logits float32 [N, h, w, K], size int64 [2], extent float32 [2]; output labels uint8 [N, H, W].

    The network stays free of the size asked for, which differs from request to request. The node has no
    function body on purpose: a body would write all interpolated logits, gigabytes of a photograph, so a
    runtime without the native kernel shall refuse the file rather than run it.
    """
    inputs = [
        float_info("logits", ["N", "h", "w", "K"]),
        helper.make_tensor_value_info("size", TensorProto.INT64, [2]),
        float_info("extent", [2]),
    ]
    node = helper.make_node("UpsampledLabels", [i.name for i in inputs], ["labels"], "labels", domain=DOMAIN)
    graph = helper.make_graph([node], "labels", inputs, [uint8_info("labels", ["N", "H", "W"])])
    opsets = [helper.make_opsetid("", ONNX_OPSET), helper.make_opsetid(DOMAIN, OPSET_VERSION)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="pag-parse")
    onnx.checker.check_model(model)
    return model
