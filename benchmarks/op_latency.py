"""Latency of single layers: the native PerforatedConv at several mask densities beside ORT's dense Conv.

    python -m benchmarks.op_latency [--repeats 40] [--threads 2] [--layers dilated]

All contenders of a layer live in one process and take turns, so that a busy machine slows them alike;
compare within a row, and trust absolute times only from a quiet machine. ORT's Conv runs in NCHW, its own
best layout, and without the layout changes a NHWC graph would need. Outputs are bound: no contender pays for
allocating its result.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from perforated_conv import DOMAIN, OPSET_VERSION, library_path

from benchmarks.common import conditions, measure, save

Float = NDArray[np.float32]
Bool = NDArray[np.bool_]

DENSITIES = (1.0, 0.7, 0.5, 0.3, 0.1)


@dataclass(frozen=True)
class Layer:
    """A convolution of one image; pads are (top, left, bottom, right)."""

    name: str
    height: int
    width: int
    in_channels: int
    out_channels: int
    kernel: int = 1
    stride: int = 1
    dilation: int = 1
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    depthwise: bool = False

    @property
    def attributes(self) -> dict[str, Any]:
        return {
            "strides": [self.stride] * 2,
            "dilations": [self.dilation] * 2,
            "pads": list(self.pads),
            "group": self.in_channels if self.depthwise else 1,
        }

    def weights(self, rng: np.random.Generator) -> Float:
        """float32 [Co, k, k, Ci / group], outputs of about unit variance."""
        depth = 1 if self.depthwise else self.in_channels
        shape = (self.out_channels, self.kernel, self.kernel, depth)
        weights: Float = (rng.standard_normal(shape) / np.sqrt(self.kernel**2 * depth)).astype(np.float32)
        return weights


LAYERS = (
    Layer("3x3 256-256 dilated 60x80", 60, 80, 256, 256, 3, dilation=2, pads=(2,) * 4),
    Layer("1x1 192-1152 30x40", 30, 40, 192, 1152),
    Layer("1x1 1152-192 30x40", 30, 40, 1152, 192),
    Layer("1x1 128-64 60x80", 60, 80, 128, 64),
    Layer("1x1 40-240 60x80", 60, 80, 40, 240),
    Layer("1x1 16-96 240x320", 240, 320, 16, 96),
    Layer("depthwise 5x5 1152 30x40", 30, 40, 1152, 1152, 5, pads=(2,) * 4, depthwise=True),
    Layer("depthwise 3x3 96 stride 2", 240, 320, 96, 96, 3, 2, pads=(0, 0, 1, 1), depthwise=True),
    Layer("stem 3x3 3-32 stride 2", 480, 640, 3, 32, 3, 2, pads=(0, 0, 1, 1)),
)


def session(
    node: onnx.NodeProto, constants: dict[str, Float], masked: bool, threads: int
) -> onnxruntime.InferenceSession:
    inputs = [helper.make_tensor_value_info("X", onnx.TensorProto.FLOAT, [None] * 4)]
    if masked:
        inputs.append(helper.make_tensor_value_info("M", onnx.TensorProto.BOOL, [None] * 3))
    outputs = [helper.make_tensor_value_info("Y", onnx.TensorProto.FLOAT, [None] * 4)]
    initializers = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph([node], "layer", inputs, outputs, initializers)
    opsets = [helper.make_opsetid("", 22), helper.make_opsetid(DOMAIN, OPSET_VERSION)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.register_custom_ops_library(str(library_path()))
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def bound_run(run: onnxruntime.InferenceSession, feeds: dict[str, Any]) -> Callable[[], Float]:
    """Runs into one preallocated output, which each call returns."""
    shape = run.run(None, feeds)[0].shape
    result = onnxruntime.OrtValue.ortvalue_from_shape_and_type(list(shape), np.float32, "cpu", 0)
    binding = run.io_binding()
    for name, value in feeds.items():
        binding.bind_ortvalue_input(name, onnxruntime.OrtValue.ortvalue_from_numpy(value))
    binding.bind_ortvalue_output("Y", result)

    def call() -> Float:
        run.run_with_iobinding(binding)
        values: Float = result.numpy()
        return values

    return call


def mask_scores(kind: str, height: int, width: int, rng: np.random.Generator) -> Float:
    """float32 [1, height, width]; a mask is their top share. `smooth` has blobs, like a learnt gate."""
    noise = rng.standard_normal((height, width))
    if kind == "iid":
        return noise[None].astype(np.float32)
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None])
    low_pass = np.exp(-((frequency * 24) ** 2))
    return np.fft.ifft2(np.fft.fft2(noise) * low_pass).real[None].astype(np.float32)


def contenders(layer: Layer, threads: int) -> dict[str, Callable[[], Float]]:
    """Name -> one inference; `ort` is checked against the dense native result."""
    rng = np.random.default_rng(0)
    W, B = layer.weights(rng), rng.standard_normal(layer.out_channels).astype(np.float32)
    X = rng.standard_normal((1, layer.height, layer.width, layer.in_channels)).astype(np.float32)
    stock = session(
        helper.make_node("Conv", ["X", "W", "B"], ["Y"], **layer.attributes),
        {"W": np.ascontiguousarray(W.transpose(0, 3, 1, 2)), "B": B},
        False,
        threads,
    )
    native = session(
        helper.make_node("PerforatedConv", ["X", "W", "B", "M"], ["Y"], domain=DOMAIN, **layer.attributes),
        {"W": W, "B": B},
        True,
        threads,
    )
    runs = {"ort": bound_run(stock, {"X": np.ascontiguousarray(X.transpose(0, 3, 1, 2))})}
    dense = runs["ort"]().transpose(0, 2, 3, 1)
    for kind in ("smooth", "iid"):
        scores = mask_scores(kind, dense.shape[1], dense.shape[2], rng)
        for density in DENSITIES:
            M = scores >= np.quantile(scores, 1 - density)
            runs[f"{kind} {density}"] = bound_run(native, {"X": X, "M": M})
    np.testing.assert_allclose(runs["iid 1.0"](), dense, rtol=1e-3, atol=1e-3)
    return runs


def print_row(name: str, row: dict[str, dict[str, float]], statistic: str) -> None:
    dense = row["iid 1.0"][statistic]
    spread = row["iid 1.0"]["upper_quartile"] / row["iid 1.0"]["lower_quartile"] - 1
    shares = [
        f"{row[f'{kind} {d}'][statistic] / dense:5.2f}" for kind in ("smooth", "iid") for d in DENSITIES[1:]
    ]
    ort = row["ort"][statistic]
    print(f"{name:28s}{ort:9.3f}{dense:9.3f}{ort / dense:7.2f}{spread:7.0%}  {' '.join(shares)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=40)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--layers", default="", help="only layers whose name contains this")
    parser.add_argument("--statistic", choices=("median", "least"), default="median")
    arguments = parser.parse_args()
    if library_path() is None:
        raise SystemExit("installed without the native library: nothing to measure")

    result = conditions(threads=arguments.threads, repeats=arguments.repeats)
    load = f"load {result['load_average']:.1f}"
    print(f"{result['machine']}, {arguments.threads} threads, {load}, {result['commit']}")
    print(
        f"milliseconds ({arguments.statistic}); at density 0.7 0.5 0.3 0.1 the share of native's dense time"
    )
    print(f"{'layer':28s}{'ORT':>9s}{'native':>9s}{'ratio':>7s}{'iqr':>7s}  {'smooth masks':23s} iid masks")
    layers = {}
    for layer in LAYERS:
        if arguments.layers in layer.name:
            layers[layer.name] = measure(contenders(layer, arguments.threads), arguments.repeats)
            print_row(layer.name, layers[layer.name], arguments.statistic)
    print(save("op_latency", result | {"milliseconds": layers}))


if __name__ == "__main__":
    main()
