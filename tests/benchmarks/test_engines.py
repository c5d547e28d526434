"""Engines that this machine cannot run are left out with their reason, and results do without them."""

from __future__ import annotations

import math

import numpy as np
import onnx
import perforated_conv
import pytest

from benchmarks import engines, op_report, op_results
from benchmarks.engines import BODY, NATIVE, ONEDNN, OPENVINO, ORT, CannotRun, print_left_out, try_each
from benchmarks.layers import Layer
from benchmarks.network_contenders import UNGATED
from benchmarks.network_contenders import Contender as NetworkContender
from benchmarks.network_report import NetworkResult, print_network
from benchmarks.op_contenders import TINY, contenders, errors, probe
from benchmarks.op_results import LayerResult
from benchmarks.roofline import Roofline
from benchmarks.runtimes import BF16_ISAS, Level, NativeLibrary
from benchmarks.subjects import Setting, Subject
from benchmarks.timing import Run, Timings

needs_library = pytest.mark.skipif(
    perforated_conv.library_path() is None, reason="installed without the native library"
)
ROOFLINE = Roofline(1, None, 100.0, None, None, 10.0, 10.0, 20.0, 20.0, 1 << 20, 1 << 24)


def refuse() -> None:
    raise RuntimeError("needs\n  avx512")


def test_each_failure_is_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def build_nothing() -> Run:
        raise CannotRun("not installed")

    left_out = try_each({ORT: lambda: lambda: 1, ONEDNN: lambda: refuse, OPENVINO["f32"]: build_nothing})
    assert left_out == {ONEDNN: "needs avx512", OPENVINO["f32"]: "not installed"}
    print_left_out(left_out)
    assert capsys.readouterr().out.splitlines() == [
        "onednn bf16 is left out: needs avx512",
        "openvino f32 is left out: not installed",
    ]
    assert engines.to_json(left_out) == {"onednn bf16": "needs avx512", "openvino f32": "not installed"}


@needs_library
def test_native_bf16_is_required_of_the_processor() -> None:
    library = NativeLibrary()
    library.require(Level("f32"))
    kernels = perforated_conv.kernels_in_use(library.copy(Level("bf16")))
    assert kernels is not None
    assert kernels.precision == "bf16"
    if kernels.isa in BF16_ISAS:
        library.require(Level("bf16"))
        assert library.best_level() == Level("bf16")
    else:
        with pytest.raises(CannotRun, match=f"best kernels, {kernels.isa}, do not multiply bf16"):
            library.require(Level("bf16"))
        assert library.best_level() == Level("f32")


@needs_library
def test_what_runs_here_computes_the_same() -> None:
    library = NativeLibrary()
    left_out = probe(library, 1)
    assert not {ORT, BODY, NATIVE["f32"]} & set(left_out)
    runs = contenders(TINY, library, 1, left_out)
    assert {contender.engine for contender in runs}.isdisjoint(left_out)
    assert len(errors(TINY, runs)) == len(runs)


def test_layers_are_reported_without_bf16(capsys: pytest.CaptureFixture[str]) -> None:
    names = [str(engine) for engine in (ORT, BODY, NATIVE["f32"])]
    timings = Timings({name: np.array([1.0, 2.0, 3.0]) for name in names})
    result = LayerResult(Layer("lite0", 8, 8, 16, 16), timings, dict.fromkeys(names, 0.0))
    op_report.print_header()
    op_report.print_row(result, ROOFLINE)
    op_report.print_masks([result])
    op_report.print_summary([result])
    assert "nan" not in capsys.readouterr().out.split("Geometric means")[1]
    written = op_results.to_json([result], ROOFLINE)
    assert written["geometric_means"] == {
        "lite0": {"native f32 / ort f32": 1.0, "native f32 / body f32": 1.0}
    }
    assert not any(math.isnan(limit["value"]) for limit in written["limits"])


def test_networks_are_reported_without_bf16(capsys: pytest.CaptureFixture[str]) -> None:
    settings = (Setting("budget 1", 1.0, 1.0), Setting("budget 0.5", 0.5, 0.5))
    chosen = [NetworkContender(ORT), NetworkContender(NATIVE["f32"])]
    chosen += [NetworkContender(NATIVE["f32"], setting.label) for setting in settings]
    timings = Timings({contender.name: np.array([1.0, 2.0]) for contender in chosen})
    subject = Subject("resnet50-skip", onnx.ModelProto(), settings, 1.0)
    result = NetworkResult(subject, timings, {contender.name: 0.0 for contender in chosen})
    assert result.precisions == ("f32",)
    print_network(result)
    assert "bf16" not in capsys.readouterr().out
    assert [limit["what"] for limit in result.to_json()["limits"]] == [
        "resnet50-skip, native f32, budget 0.5: excess of time over share",
        f"resnet50-skip, native f32 at budget 1 over ort f32 {UNGATED}",
    ]
