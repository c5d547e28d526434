"""The command `python -m model_export evaluate`: a network's figures at budgets and points."""

from __future__ import annotations

import argparse
import datetime
import hashlib
import os
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from model_export.data.nyuv2 import SPLITS, open_split
from model_export.evaluation import stored
from model_export.evaluation.bootstrap import interval, resampled_figures
from model_export.evaluation.cost import REFERENCE_SIZE
from model_export.evaluation.evaluate import Evaluation, OnnxPredictor, Predictor, TorchPredictor, evaluate
from model_export.evaluation.points import Fit, Point
from model_export.export import export
from model_export.export.about import NYUV2
from model_export.export.budget_table import BudgetTable
from model_export.export.exportable import ExportableParser
from model_export.export.history import machine
from model_export.networks.parser import SIZE_MULTIPLE
from model_export.training.train import commit
from service.budget import operating_point
from service.manifest import MODEL_NAME, ModelManifest
from service.model_files import load_manifest

BUDGETS = (0.4, 0.5, 0.6, 0.7, 0.85, 1.0)
PRINTED = ("miou40", "miou13", "pixel_accuracy", "delta1", "delta1_aligned", "normal_mean_degrees")
WITH_INTERVAL = ("miou40", "delta1", "delta1_aligned")
"""Figures whose intervals go into the manifest, as NAME_low and NAME_high."""


@dataclass(frozen=True)
class Subject:
    """A network to evaluate.

    Attributes:
        name: of the model folder or of the run.
        file: whose digest names the weights.
        point: requested budget -> the point at which it is served.
        cost: multiply-adds of a point, at the reference size.
    """

    name: str
    file: Path
    predictor: Predictor
    multiple: int
    point: Callable[[float], Point]
    cost: Callable[[Point], stored.Cost]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    network = parser.add_mutually_exclusive_group(required=True)
    network.add_argument("--checkpoint", type=Path, help="evaluate through torch")
    network.add_argument("--model", type=Path, help="folder: evaluate model.onnx, write the figures there")
    parser.add_argument("--table", type=Path, help="with --checkpoint: of allocate; else equal ratios")
    parser.add_argument(
        "--no-native", action="store_true", help="with --model: by function bodies; not written"
    )
    parser.add_argument("--split", choices=sorted(SPLITS), default="val")
    parser.add_argument("--budgets", type=float, nargs="+", help="as asked of the service")
    parser.add_argument(
        "--points", type=Point.parse, nargs="+", default=[], metavar="SCALE:BUDGET",
        help="further points: the image's scale per side, and the budget that the graph is fed",
    )  # fmt: skip
    parser.add_argument("--output", type=Path, help="folder for NAME.json and NAME.npz")
    parser.add_argument("--name", help="of these files; the model's or run's if not given")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Evaluates, prints a table, and writes what was asked for."""
    budgets = arguments.budgets or ([] if arguments.points else BUDGETS)
    subject = _subject(arguments)
    requests = {budget: subject.point(budget) for budget in budgets}
    points = list(dict.fromkeys([*requests.values(), *arguments.points]))
    samples = open_split(arguments.split)
    evaluation = evaluate(subject.predictor, samples, points, multiple=subject.multiple)
    costs = {point: subject.cost(point) for point in points}
    _print(evaluation, costs)
    if arguments.output:
        about = _about(arguments, subject)
        about["requests"] = [
            {"budget": budget, "point": points.index(point)} for budget, point in requests.items()
        ]
        content = stored.described(evaluation, costs, about)
        print(stored.save(arguments.output, about["name"], evaluation, content))
    if arguments.model and requests and not arguments.no_native:
        figures = {budget: with_intervals(evaluation, point) for budget, point in requests.items()}
        export.add_metrics(arguments.model, arguments.split, figures)


def with_intervals(evaluation: Evaluation, point: Point) -> dict[str, float]:
    """The point's figures, and of WITH_INTERVAL also NAME_low and NAME_high."""
    values = evaluation.figures(point)
    resamples = resampled_figures(evaluation.at(point))
    for name in WITH_INTERVAL:
        values[f"{name}_low"], values[f"{name}_high"] = interval(resamples[name])
    return values


def _subject(arguments: argparse.Namespace) -> Subject:
    if arguments.checkpoint:
        return _of_checkpoint(arguments.checkpoint, BudgetTable.read(arguments.table))
    folder: Path = arguments.model
    manifest = load_manifest(folder)
    predictor = OnnxPredictor(folder / MODEL_NAME, native=not arguments.no_native)
    multiple = manifest.input.size_multiple
    return Subject(
        manifest.name, folder / MODEL_NAME, predictor, multiple,
        lambda budget: _served_at(manifest, budget), lambda point: _manifest_cost(manifest, point),
    )  # fmt: skip


def _served_at(manifest: ModelManifest, budget: float) -> Point:
    served = operating_point(manifest, budget, *manifest.multiply_adds.reference_size)
    return Point(served.scale, served.network_budget)


def _of_checkpoint(path: Path, table: BudgetTable | None) -> Subject:
    exportable = export.load_exportable(path, table)
    return Subject(
        path.parent.name, path, TorchPredictor(exportable), SIZE_MULTIPLE,
        lambda budget: Point(1.0, budget), lambda point: _torch_cost(exportable, point),
    )  # fmt: skip


def _manifest_cost(manifest: ModelManifest, point: Point) -> stored.Cost:
    size = Fit.of(manifest.multiply_adds.reference_size, point.scale, manifest.input.size_multiple).padded
    multiply_adds = manifest.multiply_adds_at(point.budget, *size)
    return stored.Cost(multiply_adds, multiply_adds / manifest.multiply_adds.total)


def _torch_cost(exportable: ExportableParser, point: Point) -> stored.Cost:
    height, width = Fit.of(REFERENCE_SIZE, point.scale, SIZE_MULTIPLE).padded
    ratios = exportable.table.lookup(torch.tensor([point.budget]))
    share = exportable.cost.share({name: float(ratio[0]) for name, ratio in ratios.items()})
    share *= height * width / (REFERENCE_SIZE[0] * REFERENCE_SIZE[1])
    return stored.Cost(round(share * exportable.cost.total), share)


def _about(arguments: argparse.Namespace, subject: Subject) -> dict[str, Any]:
    with subject.file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return {
        "name": arguments.name or subject.name,
        "network": subject.name,
        "file": f"{subject.file.parent.name}/{subject.file.name}",
        "sha256": digest,
        "runtime": _runtime(arguments),
        "split": arguments.split,
        "protocol": NYUV2.protocol,
        "commit": commit(),
        "command": _command(),
        "machine": machine(),
        "date": datetime.datetime.now(tz=datetime.UTC).isoformat(timespec="seconds"),
    }


def _runtime(arguments: argparse.Namespace) -> str:
    if arguments.checkpoint:
        return "torch, float32"
    if arguments.no_native:
        return "ONNX Runtime, function bodies, float32"
    precision = os.environ.get("PERFORATED_CONV_PRECISION", "the machine's own precision")
    return f"ONNX Runtime, native library, {precision}"


def _command() -> str:
    """The command as typed, with absolute paths cut to what would be below the repository's root."""
    words = [str(Path(*Path(word).parts[-2:])) if Path(word).is_absolute() else word for word in sys.argv[1:]]
    return shlex.join(["python", "-m", "model_export", *words])


def _print(evaluation: Evaluation, costs: dict[Point, stored.Cost]) -> None:
    tqdm.write(f"{'point':>16}{'share':>8}" + "".join(f"{name[:14]:>16}" for name in PRINTED))
    for point in evaluation.points:
        figures = evaluation.figures(point)
        row = "".join(f"{figures[name]:16.4f}" for name in PRINTED)
        print(f"{point!s:>16}{costs[point].share:8.4f}{row}")
