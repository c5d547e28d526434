"""One layer in every runtime: PerforatedConv dense, masked and by its function body, and its peers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from perforated_conv import DOMAIN

from benchmarks.layers import Float, Layer, mask
from benchmarks.peers import has_openvino, openvino_run, relative_error
from benchmarks.runtimes import Level, NativeLibrary, bound, session
from model_export.op.functions import IR_VERSION, ONNX_OPSET, attach

DENSITIES = (0.9, 0.7, 0.5, 0.3)
MASK_KINDS = ("smooth", "iid")
MASKED_GFLOP = 0.5
"""Masks are timed on layers from here on: in smaller ones calling takes a good part of the time."""

LARGEST_ERROR = {"f32": 1e-4, "bf16": 3e-2}
"""Relative to the largest value: sums of up to 4608 terms in another order; or products of values of 8
significant bits, results rounded to them."""


@dataclass(frozen=True)
class Contender:
    """What runs a layer; a density below 1 is that of a mask of the kind "smooth" or "iid"."""

    runtime: str
    precision: str
    kind: str = ""
    density: float = 1.0

    @property
    def name(self) -> str:
        """As in tables: "native bf16", "native bf16 smooth 0.5"."""
        masked = [self.kind, f"{self.density:g}"] if self.kind else []
        return " ".join([self.runtime, self.precision, *masked])

    def at(self, kind: str, density: float) -> Contender:
        """The same under a mask."""
        return Contender(self.runtime, self.precision, kind, density)


Runs = dict[Contender, Callable[[], Any]]

NATIVE = {precision: Contender("native", precision) for precision in ("f32", "bf16")}
ORT = Contender("ort", "f32")
BODY = Contender("body", "f32")
OPENVINO = {precision: Contender("openvino", precision) for precision in ("f32", "bf16")}
ONEDNN = Contender("onednn", "bf16")


def contenders(layer: Layer, library: NativeLibrary, threads: int) -> Runs:
    """Each gives the layer's result, channels last."""
    X, W, B = layer.arrays(np.random.default_rng(0))
    stock = _stock_model(layer, W, B)
    run_stock: Callable[[], Any] = bound(
        session(stock.SerializeToString(), threads), {"X": np.ascontiguousarray(X.transpose(0, 3, 1, 2))}
    )
    body = session(_own_model(layer, W, B, False).SerializeToString(), threads)
    runs: Runs = {ORT: lambda: run_stock().transpose(0, 2, 3, 1), BODY: bound(body, {"X": X})}
    if has_openvino():
        for precision, contender in OPENVINO.items():
            runs[contender] = openvino_run(stock, {"X": X}, precision, threads, "NHWC")
    runs[ONEDNN] = _onednn_run(layer, X, W, B, threads)
    for contender in NATIVE.values():
        runs |= _native_runs(contender, layer, (X, W, B), library, threads)
    return runs


def _native_runs(
    native: Contender, layer: Layer, arrays: tuple[Float, Float, Float], library: NativeLibrary, threads: int
) -> Runs:
    X, W, B = arrays
    level = Level(native.precision)
    dense = library.session(_own_model(layer, W, B, False), level, threads)
    runs: Runs = {native: bound(dense, {"X": X})}
    if layer.gflop >= MASKED_GFLOP:
        masked = library.session(_own_model(layer, W, B, True), level, threads)
        for kind, density in product(MASK_KINDS, DENSITIES):
            runs[native.at(kind, density)] = bound(masked, {"X": X, "M": mask(kind, density, layer)})
    return runs


def _onednn_run(layer: Layer, X: Float, W: Float, B: Float, threads: int) -> Callable[[], Any]:
    import torch  # noqa: PLC0415 - slow to import, and not needed to read this module's names

    from benchmarks.onednn import OneDnnConv  # noqa: PLC0415 - as above

    torch.set_num_threads(threads)
    x = torch.from_numpy(X).permute(0, 3, 1, 2).to(torch.bfloat16)
    convolution = OneDnnConv(
        torch.from_numpy(W).permute(0, 3, 1, 2), torch.from_numpy(B), stride=layer.stride,
        dilation=layer.dilation, groups=layer.groups, pads=layer.pads,
    )  # fmt: skip

    @torch.inference_mode()
    def run() -> Any:
        return convolution(x).permute(0, 2, 3, 1)

    return run


def _own_model(layer: Layer, W: Float, B: Float, masked: bool) -> onnx.ModelProto:
    """PerforatedConv with its function body, channels last."""
    inputs = ["X", "W", "B", *(["M"] if masked else [])]
    node = helper.make_node("PerforatedConv", inputs, ["Y"], domain=DOMAIN, **layer.attributes)
    return _model(node, {"W": W, "B": B})


def _stock_model(layer: Layer, W: Float, B: Float) -> onnx.ModelProto:
    """The standard Conv, channels first."""
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


def errors(layer: Layer, runs: Runs) -> dict[str, float]:
    """Each contender's largest error against ONNX Runtime's Conv, zero outside the mask.

    Raises:
        AssertionError: an error is larger than the contender's precision explains.
    """
    reference, found = np.array(runs[ORT]()), {}
    for contender, run in runs.items():
        result = run()
        result = result if isinstance(result, np.ndarray) else result.float().numpy()
        expected = reference
        if contender.kind:
            computed = mask(contender.kind, contender.density, layer)[..., None]
            expected = np.where(computed, reference, np.float32(0))
        error = relative_error(result, expected)
        assert error < LARGEST_ERROR[contender.precision], f"{layer.name}, {contender.name}: {error:.1e}"
        found[contender.name] = error
    return found
