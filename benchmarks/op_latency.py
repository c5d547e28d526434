"""Latency of single layers: PerforatedConv, dense and at several mask densities, beside its peers.

    python -m benchmarks.op_latency [--quick] [--layers resnet50] [--seconds 5] [--library PATH]

All contenders of a layer live in one process and take turns, so that a busy machine slows them alike; those
that this machine cannot run are left out.
Single calls, each with its own interface: native and OpenVINO take and give float32, channels last; ONNX
Runtime's Conv is fed channels first; the body is the operator's in standard operators; oneDNN (through torch)
takes and gives bf16, which halves its traffic. Weights are packed before, and results go into memory that is
there, except that torch allocates its own.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks import op_plots, op_report, op_results
from benchmarks.common import conditions, cores, machine_line, parser_of, save
from benchmarks.engines import LeftOut, to_json
from benchmarks.layers import FIGURE, LAYERS, Layer
from benchmarks.op_contenders import contenders, errors, probe
from benchmarks.op_results import LayerResult
from benchmarks.roofline import PROGRAM, measure_roofline
from benchmarks.runtimes import NativeLibrary
from benchmarks.timing import Bystanders, measure

QUICK = (FIGURE, "1x1 256-1024 60x80", "1x1 64-256 120x160", "1x1 192-1152 30x40")


def result_of(
    layer: Layer, library: NativeLibrary, threads: int, seconds: float, left_out: LeftOut
) -> LayerResult:
    """Checks and times the layer's contenders."""
    runs = contenders(layer, library, threads, left_out)
    found = errors(layer, runs)
    return LayerResult(layer, measure({key.name: run for key, run in runs.items()}, seconds), found)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = parser_of(__doc__)
    parser.add_argument("--quick", action="store_true", help="four layers, a few seconds each")
    parser.add_argument("--layers", default="", help="only layers whose network or name contains this")
    parser.add_argument("--seconds", type=float, default=5, help="for each layer")
    parser.add_argument("--threads", type=int, default=cores())
    parser.add_argument("--library", type=Path, help="a native library other than the installed one")
    parser.add_argument("--roofline", type=Path, default=PROGRAM, help="program that measures the peaks")
    return parser.parse_args()


def main() -> None:
    """Runs the command line."""
    given = arguments()
    layers = [
        layer
        for layer in LAYERS
        if given.layers in f"{layer.network} {layer.name}" and (not given.quick or layer.name in QUICK)
    ]
    library, bystanders = NativeLibrary(given.library), Bystanders()
    roofline = measure_roofline(given.threads, given.roofline)
    result = conditions(threads=given.threads, library_sha256=library.digest, roofline=roofline.to_json())
    print(f"{machine_line(result)}\n{roofline}")
    left_out, results = probe(library, given.threads), []
    op_report.print_header()
    for layer in layers:
        results.append(result_of(layer, library, given.threads, given.seconds, left_out))
        op_report.print_row(results[-1], roofline)
    op_report.print_masks(results)
    op_report.print_summary(results)
    print(bystanders)
    measured = {"left_out": to_json(left_out), "bystanders": bystanders.share()}
    path = save("op_latency", result | measured | op_results.to_json(results, roofline))
    print(path, op_plots.op_latency(results, roofline, path))


if __name__ == "__main__":
    main()
