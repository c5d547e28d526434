"""Models of the operators with their function bodies, and sessions that run these bodies."""

from __future__ import annotations

import onnxruntime as ort
from onnx import helper

from model_export.op import functions
from tests.support.operators.nodes import output_of


def model_of(nodes, feeds, output, initializers=(), op=None):
    """A model with free dimensions around the nodes, bodies attached; output is of `op`, or the last node."""
    inputs = [
        helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(v.dtype), [None] * v.ndim)
        for n, v in feeds.items()
    ]
    outputs = [output_of(op or nodes[-1].op_type, output)]
    graph = helper.make_graph(nodes, "case", inputs, outputs, list(initializers))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
    functions.attach(model)
    return model


def session_of(model, **options):
    settings_ = ort.SessionOptions()
    settings_.intra_op_num_threads = 1
    # A model whose Convs were laid out for this machine warns when it is saved.
    settings_.log_severity_level = 3
    for name, value in options.items():
        setattr(settings_, name, value)
    return ort.InferenceSession(model.SerializeToString(), settings_, providers=["CPUExecutionProvider"])
