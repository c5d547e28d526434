"""Latency of whole networks at several budgets, beside their peers without gates; growth with the image.

    python -m benchmarks.network_latency [--quick] [--parts lite0 resnet50 resnet50-skip growth]

lite0 is the shipped network; resnet50 is a PAG-ResNet-50 at output stride 8 with random weights, its
skipped pixels interpolated, or, resnet50-skip, left to the shortcut. Peers run the same network with every
gate open and gone, in standard operators. All contenders of a network live in one process and take turns;
those that this machine cannot run are left out.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from benchmarks import network_plots
from benchmarks.common import conditions, cores, machine_line, parser_of, save
from benchmarks.engines import NATIVE, LeftOut, to_json
from benchmarks.growth import SIZES, Growth, measure_growth, print_growth
from benchmarks.network_contenders import contenders, errors
from benchmarks.network_report import NetworkResult, print_network
from benchmarks.op_contenders import probe
from benchmarks.photograph import photograph
from benchmarks.runtimes import LEVELS, NativeLibrary
from benchmarks.subjects import SHIPPED, SIZE, SUBJECTS, Subject
from benchmarks.timing import Bystanders, measure

GROWTH = "growth"
QUICK = ("lite0", GROWTH)
QUICK_SIZES = SIZES[:3]


def result_of(
    subject: Subject, library: NativeLibrary, threads: int, seconds: float, left_out: LeftOut
) -> NetworkResult:
    """Checks and times the network's contenders."""
    runs = contenders(subject, photograph(*SIZE), library, threads, left_out)
    found = errors(subject, runs)
    timings = measure({contender.name: run for contender, run in runs.items()}, seconds)
    return NetworkResult(subject, timings, found)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = parser_of(__doc__)
    parts = (*SUBJECTS, GROWTH)
    parser.add_argument("--quick", action="store_true", help="the shipped network alone, a few seconds")
    parser.add_argument("--parts", nargs="+", choices=parts, default=parts)
    parser.add_argument("--seconds", type=float, default=60, help="for each part")
    parser.add_argument("--threads", type=int, default=cores())
    parser.add_argument("--library", type=Path, help="a native library other than the installed one")
    given = parser.parse_args()
    if given.quick:
        given.parts, given.seconds = QUICK, 2.0
    return given


def main() -> None:
    """Runs the command line."""
    given = arguments()
    library, bystanders = NativeLibrary(given.library), Bystanders()
    result = conditions(threads=given.threads, library_sha256=library.digest, size=SIZE)
    print(machine_line(result))
    left_out = probe(library, given.threads)
    levels = [level for level in LEVELS if NATIVE[level.precision] not in left_out]
    sizes = QUICK_SIZES if given.quick else SIZES
    results, growth = [], None
    for part in given.parts:
        if part == GROWTH:
            growth = measure_growth(SHIPPED, library, levels, sizes, given.threads, given.seconds)
            print_growth(growth)
        else:
            results.append(result_of(SUBJECTS[part](), library, given.threads, given.seconds, left_out))
            print_network(results[-1])
    print(bystanders)
    measured = {"left_out": to_json(left_out), "bystanders": bystanders.share()} | _json(results, growth)
    path = save("network_latency", result | measured)
    print(path, network_plots.network_latency(results, growth, path))


def _json(results: list[NetworkResult], growth: Growth | None) -> dict[str, Any]:
    grown: dict[str, Any] = {"growth": growth.to_json()} if growth else {}
    return {"networks": [result.to_json() for result in results], **grown}


if __name__ == "__main__":
    main()
