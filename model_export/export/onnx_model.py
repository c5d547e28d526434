"""The ONNX model of an ExportableParser: its inputs, its budget table and its outputs around the layers."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import numpy_helper

from model_export.common.sizes import OUTPUT_STRIDE
from model_export.export.exportable import ExportableParser
from model_export.export.graph import GraphBuilder, float_info, uint8_info
from model_export.export.lowering import Lowering
from model_export.networks.pixels import PIXEL_MEAN, PIXEL_SCALE
from model_export.networks.tasks import TASKS


def to_onnx(exportable: ExportableParser, name: str) -> onnx.ModelProto:
    """The model: image uint8 [N, H, W, 3] and budget float32 [N] to its tasks' outputs and `computed`."""
    graph = GraphBuilder()
    heads, lowering = exportable.network.heads, Lowering(exportable.network, graph)
    ratios = _ratios(graph, exportable) if exportable.table.gates else "budget"
    maps = lowering.run(_normalised(graph), ratios)
    outputs = [_output(graph, task, tensor, heads.channels(task)) for task, tensor in maps.items()]
    _computed(graph, exportable, lowering.writer.masks, outputs[0].name)
    outputs.append(float_info("computed", ["N", "h", "w"]))
    inputs = [uint8_info("image", ["N", "H", "W", 3]), float_info("budget", ["N"])]
    return graph.model(name, inputs, outputs)


def _output(graph: GraphBuilder, name: str, tensor: str, channels: int) -> onnx.ValueInfoProto:
    """Adds the output of a task, whose map as trained is N,h,w,C; returns its name and shape."""
    task = TASKS[name]
    if task.finish.onnx:
        tensor = graph.node(task.finish.onnx, [tensor], f"{task.output}_4d")
    if task.flat:
        graph.node("Squeeze", [tensor, graph.constant("axis_3", np.array([3]))], task.output)
        return float_info(task.output, ["N", "h", "w"])
    graph.node("Identity", [tensor], task.output)
    return float_info(task.output, ["N", "h", "w", channels])


def _normalised(graph: GraphBuilder) -> str:
    mean = graph.constant("pixel_mean", np.array(PIXEL_MEAN, np.uint8))
    scale = graph.constant("pixel_scale", np.array(1 / PIXEL_SCALE, np.float32))
    return graph.node("DequantizeLinear", ["image", scale, mean], "image_normalised")


def _ratios(graph: GraphBuilder, exportable: ExportableParser) -> str:
    start, steps, slopes, rises = (
        graph.constant(f"budget_{part}", value)
        for part, value in zip(
            ("start", "steps", "slopes", "rises"), exportable.table.graph_constants(), strict=True
        )
    )
    one, zero = graph.scalar(1.0), graph.scalar(0.0)
    axis = graph.constant("axis_1", np.array([1]))
    column = graph.node("Unsqueeze", ["budget", axis], "budget_column")
    scaled = graph.node("Mul", [graph.node("Sub", [column, steps], "budget_past"), slopes], "budget_scaled")
    position = graph.node("Clip", [scaled, zero, one], "budget_position")
    rise = graph.node("MatMul", [position, rises], "budget_rise")
    ratios = graph.node("Add", [start, rise], "ratios_below_one")
    full = graph.node("GreaterOrEqual", [column, one], "budget_full")
    return graph.node("Where", [full, one, ratios], "ratios")


def _computed(graph: GraphBuilder, exportable: ExportableParser, masks: dict[str, str], like: str) -> None:
    """Adds the output `computed`, of the size of `like`; masks of one stride are summed, then resized."""
    zero = graph.scalar(0.0)
    if not masks:
        size = graph.node("Shape", [like], "computed_size", start=0, end=3)
        graph.node(
            "ConstantOfShape", [size], "computed", value=numpy_helper.from_array(np.ones(1, np.float32))
        )
        return
    shares: dict[int, list[str]] = {}
    for name, stride in exportable.strides.items():
        share = graph.constant(f"{name}.share", np.array(exportable.weights[name], np.float32))
        shares.setdefault(stride, []).append(
            graph.node("Where", [masks[name], share, zero], f"{name}.computed")
        )
    sums = {stride: graph.node("Sum", parts, f"computed_{stride}") for stride, parts in shares.items()}
    resized = [_to_output_stride(graph, value, stride) for stride, value in sums.items()]
    graph.node("Sum", resized, "computed")


def _to_output_stride(graph: GraphBuilder, value: str, stride: int) -> str:
    if stride == OUTPUT_STRIDE:
        return value
    axis = graph.constant("axis_1", np.array([1]))
    spread = graph.node("Unsqueeze", [value, axis], f"computed_{stride}_4d")
    name = f"computed_{stride}_resized"
    if stride < OUTPUT_STRIDE:
        size = [OUTPUT_STRIDE // stride] * 2
        resized = graph.node("AveragePool", [spread], name, kernel_shape=size, strides=size)
    else:
        factor = stride / OUTPUT_STRIDE
        scales = graph.constant(f"computed_scales_{stride}", np.array([1, 1, factor, factor], np.float32))
        how = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        resized = graph.node("Resize", [spread, "", scales], name, **how)
    return graph.node("Squeeze", [resized, axis], f"computed_at_{stride}")
