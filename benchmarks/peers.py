"""OpenVINO on the same work, and the network without its gates, which peers run."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import onnx.utils
from numpy.typing import NDArray
from onnx.defs import OpSchema
from perforated_conv import DOMAIN

from benchmarks.engines import CannotRun
from benchmarks.timing import Run
from model_export.op import schema
from model_export.op.functions import attach

Array = NDArray[Any]

SCHEMAS = [value for value in vars(schema).values() if isinstance(value, OpSchema)]
MASK_INPUT = {
    entry.name: names.index("M") for entry in SCHEMAS if "M" in (names := [i.name for i in entry.inputs])
}


def openvino_run(
    model: onnx.ModelProto, feeds: Mapping[str, Array], precision: str, threads: int, layout: str = ""
) -> Run:
    """One inference of a model of standard operators; returns its first output.

    Args:
        model: its inputs take the shapes of `feeds`.
        precision: INFERENCE_PRECISION_HINT, f32 or bf16; inputs and outputs stay as the model says.
        threads: INFERENCE_NUM_THREADS; the performance hint is latency.
        layout: "NHWC" for inputs and output channels last where the model, a layer of our own making, has
            them channels first: OpenVINO's own kernels work channels last, so that it need not convert.

    Raises:
        CannotRun: OpenVINO is not installed, or would compute at another precision.
    """
    try:
        import openvino  # noqa: PLC0415 - may be absent
    except ImportError as error:
        raise CannotRun("OpenVINO is not installed: pip install '.[bench]' adds it") from error
    core = openvino.Core()
    network = core.read_model(model.SerializeToString())
    if layout:
        network = _channels_last(network, layout)
    network.reshape({name: list(value.shape) for name, value in feeds.items()})
    settings = {
        "INFERENCE_PRECISION_HINT": precision,
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
    }
    compiled = core.compile_model(network, "CPU", settings)
    if (used := compiled.get_property("INFERENCE_PRECISION_HINT").to_string()) != precision:
        raise CannotRun(f"OpenVINO would compute at {used} on this processor")
    request = compiled.create_infer_request()
    for name, value in feeds.items():
        request.set_tensor(name, openvino.Tensor(value, shared_memory=True))

    def run() -> Array:
        request.start_async()
        request.wait()
        result: Array = request.get_output_tensor(0).data
        return result

    return run


def _channels_last(network: Any, layout: str) -> Any:
    import openvino.preprocess  # noqa: PLC0415 - as above

    steps = openvino.preprocess.PrePostProcessor(network)
    for end in (steps.input(), steps.output()):
        end.tensor().set_layout(openvino.Layout(layout))
        end.model().set_layout(openvino.Layout("NCHW"))
    return steps.build()


def ungated(model: onnx.ModelProto, without: tuple[str, ...] = ("computed",)) -> onnx.ModelProto:
    """The exported network with every gate open and gone: our operators without masks, with function bodies.

    What MultiPool decides, which branch computes a pixel, is not a gate's and stays; in standard operators
    that is every branch everywhere, of which one is kept.

    Args:
        model: as model_export writes it.
        without: outputs that tell of the gates.

    Raises:
        ValueError: a gate's mask is read where this function does not know how to do without.
    """
    dense = copy.deepcopy(model)
    masks = {node.output[0] for node in dense.graph.node if node.op_type in ("BudgetMask", "GateMask")}
    renamed: dict[str, str] = {}
    for node in dense.graph.node:
        place = MASK_INPUT.get(node.op_type) if node.domain == DOMAIN else None
        if place is not None and len(node.input) > place and node.input[place] in masks:
            node.input[place] = ""
        elif node.op_type == "And" and (others := [name for name in node.input if name not in masks]):
            renamed |= {node.output[0]: others[0]} if len(others) == 1 else {}
    for node in dense.graph.node:
        node.input[:] = [renamed.get(name, name) for name in node.input]
    del dense.functions[:]
    outputs = [output.name for output in dense.graph.output if output.name not in without]
    return _needed(dense, outputs, masks)


def _needed(model: onnx.ModelProto, outputs: list[str], masks: set[str]) -> onnx.ModelProto:
    """The part that the outputs need, with function bodies."""
    extractor = onnx.utils.Extractor(model)
    everything = [value.name for value in model.graph.input]
    part = extractor.extract_model(everything, outputs)
    read = {name for node in part.graph.node for name in node.input}
    if left := masks & read:
        raise ValueError(f"a network without gates still reads the masks {sorted(left)}")
    for value in [value for value in part.graph.input if value.name not in read]:
        part.graph.input.remove(value)
    attach(part)
    return part


def feeds_of(model: onnx.ModelProto, values: Mapping[str, Array]) -> dict[str, Array]:
    """Those of the values that the model has an input for."""
    return {value.name: values[value.name] for value in model.graph.input}


def relative_error(result: Array, reference: Array) -> float:
    """Largest difference over the reference's largest value: some 1e-6 at f32, 1e-3 to 1e-2 at bf16."""
    return float(np.abs(result - reference).max() / np.abs(reference).max())
