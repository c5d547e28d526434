"""One layer in every engine: PerforatedConv dense, masked and by its function body, and its peers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from benchmarks import engines
from benchmarks.engines import Builders, Engine, LeftOut
from benchmarks.layer_models import own_model, stock_model
from benchmarks.layers import Float, Layer, mask
from benchmarks.peers import openvino_run, relative_error
from benchmarks.runtimes import Level, NativeLibrary, bound, session
from benchmarks.timing import Run

DENSITIES = (0.9, 0.7, 0.5, 0.3)
MASK_KINDS = ("smooth", "iid")
MASKED_GFLOP = 0.5
"""Masks are timed on layers from here on: in smaller ones calling takes a good part of the time."""

LARGEST_ERROR = {"f32": 1e-4, "bf16": 3e-2}
"""Relative to the largest value: sums of up to 4608 terms in another order; or products of values of 8
significant bits, results rounded to them."""

TINY = Layer("probe", 8, 8, 16, 16)


@dataclass(frozen=True)
class Contender:
    """An engine on a layer; a density below 1 is that of a mask of the kind "smooth" or "iid"."""

    engine: Engine
    kind: str = ""
    density: float = 1.0

    @property
    def precision(self) -> str:
        """Of its engine."""
        return self.engine.precision

    @property
    def name(self) -> str:
        """As in tables: "native bf16", "native bf16 smooth 0.5"."""
        masked = [self.kind, f"{self.density:g}"] if self.kind else []
        return " ".join([str(self.engine), *masked])

    def at(self, kind: str, density: float) -> Contender:
        """The same under a mask."""
        return Contender(self.engine, kind, density)


Runs = dict[Contender, Callable[[], Any]]

NATIVE = {precision: Contender(engine) for precision, engine in engines.NATIVE.items()}
OPENVINO = {precision: Contender(engine) for precision, engine in engines.OPENVINO.items()}
ORT, BODY, ONEDNN = Contender(engines.ORT), Contender(engines.BODY), Contender(engines.ONEDNN)


def probe(library: NativeLibrary, threads: int) -> LeftOut:
    """The engines that cannot run a tiny layer on this machine, a line printed for each."""
    left_out = engines.try_each(_dense(TINY, library, threads))
    engines.print_left_out(left_out)
    return left_out


def contenders(layer: Layer, library: NativeLibrary, threads: int, left_out: LeftOut) -> Runs:
    """Each gives the layer's result, channels last."""
    dense = _dense(layer, library, threads)
    runs: Runs = {Contender(engine): build() for engine, build in dense.items() if engine not in left_out}
    for contender in NATIVE.values():
        if contender in runs and layer.gflop >= MASKED_GFLOP:
            runs |= _masked(contender, layer, library, threads)
    return runs


def _dense(layer: Layer, library: NativeLibrary, threads: int) -> Builders:
    X, W, B = arrays = layer.arrays(np.random.default_rng(0))
    stock, own = stock_model(layer, W, B), own_model(layer, W, B, False)

    def native(precision: str) -> Run:
        library.require(Level(precision))
        return bound(library.session(own, Level(precision), threads), {"X": X})

    def openvino(precision: str) -> Run:
        return openvino_run(stock, {"X": X}, precision, threads, "NHWC")

    return {
        engines.ORT: lambda: _ort_run(session(stock.SerializeToString(), threads), X),
        engines.BODY: lambda: bound(session(own.SerializeToString(), threads), {"X": X}),
        **{engine: partial(openvino, p) for p, engine in engines.OPENVINO.items()},
        engines.ONEDNN: lambda: _onednn_run(layer, arrays, threads),
        **{engine: partial(native, p) for p, engine in engines.NATIVE.items()},
    }


def _ort_run(stock: Any, X: Float) -> Run:
    run: Callable[[], Any] = bound(stock, {"X": np.ascontiguousarray(X.transpose(0, 3, 1, 2))})
    return lambda: run().transpose(0, 2, 3, 1)


def _masked(native: Contender, layer: Layer, library: NativeLibrary, threads: int) -> Runs:
    X, W, B = layer.arrays(np.random.default_rng(0))
    masked = library.session(own_model(layer, W, B, True), Level(native.precision), threads)
    return {
        native.at(kind, density): bound(masked, {"X": X, "M": mask(kind, density, layer)})
        for kind, density in product(MASK_KINDS, DENSITIES)
    }


def _onednn_run(layer: Layer, arrays: tuple[Float, Float, Float], threads: int) -> Callable[[], Any]:
    import torch  # noqa: PLC0415 - slow to import, and not needed to read this module's names

    from benchmarks.onednn import OneDnnConv  # noqa: PLC0415 - as above

    torch.set_num_threads(threads)
    X, W, B = arrays
    x = torch.from_numpy(X).permute(0, 3, 1, 2).to(torch.bfloat16)
    convolution = OneDnnConv(
        torch.from_numpy(W).permute(0, 3, 1, 2), torch.from_numpy(B), stride=layer.stride,
        dilation=layer.dilation, groups=layer.groups, pads=layer.pads,
    )  # fmt: skip

    @torch.inference_mode()
    def run() -> Any:
        return convolution(x).permute(0, 2, 3, 1)

    return run


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
