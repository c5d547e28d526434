"""The operators as ONNX Runtime runs them: sessions, single nodes, and random tensors that fit a node."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from perforated_conv import DOMAIN, OPSET_VERSION, library_path

from model_export.op.schema import SCHEMAS

Array = NDArray[Any]

# Inputs of each operator, in order.
INPUTS = {name: tuple(each.name for each in schema.inputs) for name, schema in SCHEMAS.items()}

# PAG_OP_LIBRARY names another build of the library, one with sanitizers for instance.
LIBRARY = Path(os.environ["PAG_OP_LIBRARY"]) if "PAG_OP_LIBRARY" in os.environ else library_path()
needs_library = pytest.mark.skipif(LIBRARY is None, reason="installed without the native library")


def session_of(
    model: onnx.ModelProto, threads: int = 2, *, parallel_nodes: bool = False
) -> onnxruntime.InferenceSession:
    """A session that runs the operators by the native library."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    if parallel_nodes:
        options.execution_mode = onnxruntime.ExecutionMode.ORT_PARALLEL
        options.inter_op_num_threads = 2
    # An arena would hide where a tensor ends from a sanitizer.
    options.enable_cpu_mem_arena = "PAG_OP_LIBRARY" not in os.environ
    options.log_severity_level = 4  # refusals are expected and read from the exception
    options.register_custom_ops_library(str(LIBRARY))
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def model_of(
    nodes: Sequence[onnx.NodeProto],
    inputs: Mapping[str, tuple[Any, int]],
    constants: Mapping[str, Array],
) -> onnx.ModelProto:
    """A model with inputs given as name: (numpy type, rank) and one output Y, that of the last node."""
    described = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(kind)), [None] * rank)
        for name, (kind, rank) in inputs.items()
    ]
    graph = helper.make_graph(
        nodes,
        "graph",
        described,
        [output_of(nodes[-1].op_type, "Y")],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", 22), helper.make_opsetid(DOMAIN, OPSET_VERSION)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def output_of(op: str, name: str) -> onnx.ValueInfoProto:
    """An operator's output as its schema has it: element type, and as many free axes as its text lists."""
    (declared,) = SCHEMAS[op].outputs
    (kind,) = declared.types
    element = onnx.TensorProto.DataType.Value(kind.removeprefix("tensor(").removesuffix(")").upper())
    axes = declared.description.removeprefix("[").partition("]")[0].split(", ")
    return helper.make_tensor_value_info(name, element, [None] * len(axes))


def node_session(
    op: str, feeds: dict[str, Array], constants: dict[str, Array], **attributes: Any
) -> onnxruntime.InferenceSession:
    """A session of one node; inputs neither fed nor constant are left out of it."""
    given_names = [name if name in feeds or name in constants else "" for name in INPUTS[op]]
    while given_names[-1] == "":
        given_names.pop()
    node = helper.make_node(op, given_names, ["Y"], domain=DOMAIN, **attributes)
    inputs = {name: (value.dtype, value.ndim) for name, value in feeds.items()}
    return session_of(model_of([node], inputs, constants))


def run_node(op: str, tensors: dict[str, Array], constant: Collection[str] = (), **attributes: Any) -> Array:
    """The output of a node; `constant` names the tensors that are constants of the graph."""
    feeds = {name: value for name, value in tensors.items() if name not in constant}
    constants = {name: value for name, value in tensors.items() if name in constant}
    return node_session(op, feeds, constants, **attributes).run(None, feeds)[0]


def run_conv(tensors: dict[str, Array], constant: Collection[str] = ("W", "B"), **attributes: Any) -> Array:
    return run_node("PerforatedConv", tensors, constant, **attributes)


def run_budget(S: Array, ratio: Array, coarse_stride: Any = 0) -> Array:
    return run_node("BudgetMask", {"S": S, "ratio": ratio}, coarse_stride=coarse_stride)


def text(shape: tuple[int, ...]) -> str:
    """A regular expression of a shape as the library writes it."""
    return re.escape("[" + ",".join(map(str, shape)) + "]")


def refused(message: str) -> Any:
    """pytest.raises of an error of ONNX Runtime that matches the message."""
    return pytest.raises(
        Exception, match=message, check=lambda e: type(e).__module__.startswith("onnxruntime")
    )


def uniform(rng: np.random.Generator, *shape: int) -> Array:
    return rng.uniform(-1, 1, shape).astype(np.float32)


def out_size(size: int, kernel: int, stride: int, dilation: int, pads: int) -> int:
    return (size + pads - dilation * (kernel - 1) - 1) // stride + 1


def conv_tensors(
    seed: int,
    x: tuple[int, int, int, int],
    w: tuple[int, int, int, int],
    density: float | None,
    residual: bool,
    *,
    attributes: dict[str, Any],
) -> dict[str, Array]:
    """Random inputs; density of the mask, or None for no mask."""
    rng = np.random.default_rng(seed)
    strides, dilations = attributes.get("strides", (1, 1)), attributes.get("dilations", (1, 1))
    pads = attributes.get("pads", (0, 0, 0, 0))
    out = [out_size(x[1 + a], w[1 + a], strides[a], dilations[a], pads[a] + pads[a + 2]) for a in (0, 1)]
    tensors = {"X": uniform(rng, *x), "W": uniform(rng, *w), "B": uniform(rng, w[0])}
    if density is not None:
        tensors["M"] = rng.random((x[0], *out)) < density
    if residual:
        tensors["R"] = 4 * uniform(rng, x[0], *out, w[0])
    return tensors
