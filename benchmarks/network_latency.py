"""Latency of whole networks at several budgets, beside their peers without gates; growth with the image.

    python -m benchmarks.network_latency [--parts lite0 resnet50 resnet50-skip growth] [--library PATH]

lite0 is the shipped network; resnet50 is the talk's PAG-ResNet-50 at output stride 8 with random weights, its
skipped pixels interpolated, or, resnet50-skip, left to the shortcut. Peers run the same network with every
gate open and gone, in standard operators. All contenders of a network live in one process and take turns.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from benchmarks import network_plots
from benchmarks.common import conditions, cores, save
from benchmarks.growth import Growth, measure_growth, print_growth
from benchmarks.network_contenders import contenders, errors
from benchmarks.network_report import NetworkResult, print_network
from benchmarks.photograph import photograph
from benchmarks.runtimes import NativeLibrary
from benchmarks.subjects import SHIPPED, SIZE, SUBJECTS, Subject
from benchmarks.timing import Bystanders, measure

GROWTH = "growth"


def result_of(subject: Subject, library: NativeLibrary, threads: int, seconds: float) -> NetworkResult:
    """Checks and times the network's contenders."""
    runs = contenders(subject, photograph(*SIZE), library, threads)
    found = errors(subject, runs)
    timings = measure({contender.name: run for contender, run in runs.items()}, seconds)
    return NetworkResult(subject, timings, found)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parts = (*SUBJECTS, GROWTH)
    parser.add_argument("--parts", nargs="+", choices=parts, default=parts)
    parser.add_argument("--seconds", type=float, default=60, help="for each part")
    parser.add_argument("--threads", type=int, default=cores())
    parser.add_argument("--library", type=Path, help="a native library other than the installed one")
    return parser.parse_args()


def main() -> None:
    """Runs the command line."""
    given = arguments()
    library, bystanders = NativeLibrary(given.library), Bystanders()
    result = conditions(threads=given.threads, library_sha256=library.digest, size=SIZE)
    print(f"{result['machine']}, {given.threads} threads, {result['commit']}")
    results, growth = [], None
    for part in given.parts:
        if part == GROWTH:
            growth = measure_growth(SHIPPED, library, given.threads, given.seconds)
            print_growth(growth)
        else:
            results.append(result_of(SUBJECTS[part](), library, given.threads, given.seconds))
            print_network(results[-1])
    print(f"Other processes took {bystanders.share():.0%} of the machine's time.")
    path = save("network_latency", result | {"bystanders": bystanders.share()} | _json(results, growth))
    print(path, network_plots.network_latency(results, growth, path))


def _json(results: list[NetworkResult], growth: Growth | None) -> dict[str, Any]:
    grown: dict[str, Any] = {"growth": growth.to_json()} if growth else {}
    return {"networks": [result.to_json() for result in results], **grown}


if __name__ == "__main__":
    main()
