"""Latency of every point of every network of a quality study, one after another in turns in one process.

    python -m benchmarks.front_latency --models FOLDER [--results benchmarks/results/quality]

Networks and points are those that study.json in the results' folder chooses of its evaluations; the exported
networks are folders below --models. The image is brought to a point's scale beforehand. Writes the file that
study.json names, for `python -m model_export report`.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime

from benchmarks.common import RESULTS, conditions, cores, machine_line, parser_of, write_json
from benchmarks.engines import PRECISIONS
from benchmarks.photograph import photograph
from benchmarks.runtimes import Level, NativeLibrary
from benchmarks.timing import Bystanders, Run, Timings, measure
from model_export.evaluation.points import Point
from model_export.report.study import ReportError, Study, check_files, read_content, read_study
from service.model_folder.files import load_manifest
from service.model_folder.geometry import feed, plan_scaled
from service.model_folder.manifest import MODEL_NAME

SIZE = (480, 640)


@dataclass(frozen=True)
class Case:
    """A network at a point."""

    evaluation: str
    folder: Path
    point: Point

    @property
    def name(self) -> str:
        """Unique."""
        return f"{self.evaluation} {self.point}"


def cases(study: Study, results: Path, models: Path) -> list[Case]:
    """Every point that the study chooses, each once.

    Raises:
        ReportError: an evaluation or an exported network is absent.
    """
    check_files(results, study.evaluations())
    found: dict[str, Case] = {}
    for entry in study.networks:
        content, folder = read_content(results, entry.evaluation), entry.model_folder(models)
        if not (folder / MODEL_NAME).is_file():
            raise ReportError(f"no exported network {folder / MODEL_NAME}: give --models")
        for number in entry.chosen(content):
            at = content["points"][number]
            case = Case(entry.evaluation, folder, Point(at["scale"], at["budget"]))
            found.setdefault(case.name, case)
    return list(found.values())


def runs(chosen: list[Case], library: NativeLibrary, level: Level, threads: int) -> dict[str, Run]:
    """A run of the whole network for each case, by name; one session a network."""
    folders = {case.folder: load_manifest(case.folder).input.size_multiple for case in chosen}
    sessions = {folder: library.session(onnx.load(folder / MODEL_NAME), level, threads) for folder in folders}
    image = photograph(*SIZE)[0]
    return {
        case.name: _run(
            sessions[case.folder],
            feed(image, plan_scaled(*SIZE, folders[case.folder], case.point.scale)),
            case.point.budget,
        )
        for case in chosen
    }


def _run(session: onnxruntime.InferenceSession, image: np.ndarray[Any, Any], budget: float) -> Run:
    feeds = {"image": image, "budget": np.array([budget], np.float32)}
    return lambda: session.run(None, feeds)


def result_of(chosen: list[Case], timings: Timings) -> dict[str, Any]:
    """The points with their quartiles, and how far these lie apart."""
    quartiles = timings.to_json()
    spreads = [timings.spread(case.name) for case in chosen]
    rows = [
        {
            "evaluation": case.evaluation,
            "scale": case.point.scale,
            "budget": case.point.budget,
            "milliseconds": quartiles[case.name],
        }
        for case in chosen
    ]
    return {"noise": {"median_spread": round(float(np.median(spreads)), 4)}, "points": rows}


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = parser_of(__doc__)
    parser.add_argument("--results", type=Path, default=RESULTS / "quality", help="folder of study.json")
    parser.add_argument("--models", type=Path, required=True, help="folder of the exported networks' folders")
    parser.add_argument("--rounds", type=int, default=30, help="runs of each point, at least")
    parser.add_argument("--seconds", type=float, default=0, help="in all, if that is more")
    parser.add_argument("--threads", type=int, default=cores())
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        help="of the native kernels; default: bf16 where the processor multiplies it, else f32",
    )
    parser.add_argument("--library", type=Path, help="a native library other than the installed one")
    return parser.parse_args()


def main() -> None:
    """Runs the command line."""
    given = arguments()
    study = read_study(given.results)
    library, bystanders = NativeLibrary(given.library), Bystanders()
    level = Level(given.precision) if given.precision else library.best_level()
    about = conditions(
        threads=given.threads, precision=level.precision, library_sha256=library.digest, size=SIZE
    )
    chosen = cases(study, given.results, given.models)
    print(f"{machine_line(about)}, {level.name}, {len(chosen)} points, {given.rounds} rounds or more")
    timings = measure(runs(chosen, library, level, given.threads), given.seconds, given.rounds)
    for case in chosen:
        print(f"{case.name:50}{timings.median(case.name):9.2f} ms ({timings.spread(case.name):4.0%})")
    print(bystanders)
    result = about | {"bystanders": bystanders.share()} | result_of(chosen, timings)
    path = given.results / study.latency
    write_json(path, result)
    print(path)


if __name__ == "__main__":
    main()
