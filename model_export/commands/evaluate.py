"""The command `evaluate`: a network's figures at budgets and points."""

from __future__ import annotations

import argparse
import datetime
import hashlib
import math
from pathlib import Path
from typing import Any

import perforated_conv
from tqdm import tqdm

from model_export.common.errors import FixableError
from model_export.common.provenance import commit, machine, portable_command_line
from model_export.data.nyuv2 import SPLITS
from model_export.evaluation import stored
from model_export.evaluation.bootstrap import interval, resampled_figures
from model_export.evaluation.evaluate import Evaluation, evaluate
from model_export.evaluation.points import Point
from model_export.evaluation.statistics import with_intervals
from model_export.evaluation.subject import Subject, of_checkpoint, of_model
from model_export.evaluation.truth import Truth, nyuv2, own
from model_export.export import export
from model_export.export.budget_table import BudgetTable
from model_export.networks.tasks import figures

BUDGETS = (0.4, 0.5, 0.6, 0.7, 0.85, 1.0)
PHOTOGRAPHS = "photographs"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    network = parser.add_mutually_exclusive_group(required=True)
    network.add_argument("--checkpoint", type=Path, help="evaluate through torch")
    network.add_argument("--model", type=Path, help="folder: evaluate model.onnx, write the figures there")
    parser.add_argument("--table", type=Path, help="with --checkpoint: of allocate; else equal ratios")
    parser.add_argument(
        "--no-native", action="store_true", help="with --model: by function bodies; not written"
    )
    parser.add_argument("--split", help=f"of NYUv2: {', '.join(sorted(SPLITS))}, default val")
    parser.add_argument(
        "--photographs",
        type=Path,
        help="with --model: folder of images in place of a split; --split names it",
    )
    parser.add_argument("--labels", type=Path, help="folder of NAME.png for them: class ids, 8 bits a pixel")
    parser.add_argument("--budgets", type=float, nargs="+", help="as requested from the service")
    parser.add_argument(
        "--points", type=Point.parse, nargs="+", default=[], metavar="SCALE:BUDGET",
        help="further points: the image's scale per side, and the budget that the graph is fed",
    )  # fmt: skip
    parser.add_argument("--output", type=Path, help="folder for NAME.json and NAME.npz")
    parser.add_argument("--name", help="of these files; the model's or run's if not given")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Evaluates, prints a table, and writes what the options say."""
    budgets = arguments.budgets or ([] if arguments.points else BUDGETS)
    subject = _subject(arguments)
    requests = {budget: subject.point(budget) for budget in budgets}
    points = list(dict.fromkeys([*requests.values(), *arguments.points]))
    truth = _truth(arguments, subject)
    evaluation = evaluate(
        subject.predictor, truth.samples, points, multiple=subject.multiple, classes=len(truth.classes)
    )
    costs = {point: subject.cost(point) for point in points}
    _print(evaluation, costs, truth)
    if arguments.output:
        about = _about(arguments, subject, truth)
        about["requests"] = [
            {"budget": budget, "point": points.index(point)} for budget, point in requests.items()
        ]
        content = stored.described(evaluation, costs, about)
        print(stored.save(arguments.output, about["name"], evaluation, content))
    if arguments.model and requests and not arguments.no_native:
        measured = {budget: truth.named(_figures(evaluation, point)) for budget, point in requests.items()}
        export.add_metrics(arguments.model, truth.split, measured, truth.protocol)


def _figures(evaluation: Evaluation, point: Point) -> dict[str, float]:
    """The point's figures as a manifest has them: of some there are also NAME_low and NAME_high."""
    values = evaluation.figures(point)
    statistics = evaluation.at(point)
    resamples = resampled_figures(statistics)
    for name in with_intervals(statistics):
        values[f"{name}_low"], values[f"{name}_high"] = interval(resamples[name])
    return values


def _truth(arguments: argparse.Namespace, subject: Subject) -> Truth:
    if arguments.photographs is None and arguments.labels is None:
        return nyuv2(arguments.split or "val", subject.classes)
    if not (arguments.photographs and arguments.labels and arguments.model):
        raise FixableError("--photographs, --labels and --model go together")
    return own(arguments.photographs, arguments.labels, arguments.split or PHOTOGRAPHS, subject.labels)


def _subject(arguments: argparse.Namespace) -> Subject:
    if arguments.checkpoint:
        return of_checkpoint(arguments.checkpoint, BudgetTable.read(arguments.table))
    return of_model(arguments.model, native=not arguments.no_native)


def _about(arguments: argparse.Namespace, subject: Subject, truth: Truth) -> dict[str, Any]:
    with subject.file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return {
        "name": arguments.name or subject.name,
        "network": subject.name,
        "file": f"{subject.file.parent.name}/{subject.file.name}",
        "sha256": digest,
        "runtime": _runtime(arguments),
        "split": truth.split,
        "protocol": truth.protocol,
        "classes": list(truth.classes),
        "commit": commit(),
        "command": portable_command_line(),
        "machine": machine(),
        "date": datetime.datetime.now(tz=datetime.UTC).isoformat(timespec="seconds"),
    }


def _runtime(arguments: argparse.Namespace) -> str:
    if arguments.checkpoint:
        return "torch, float32"
    if arguments.no_native:
        return "ONNX Runtime, function bodies, float32"
    kernels = perforated_conv.kernels_in_use()
    assert kernels is not None, "OnnxPredictor refuses to be native without the library"
    return f"ONNX Runtime, native library, {kernels.precision}"


def _print(evaluation: Evaluation, costs: dict[Point, stored.Cost], truth: Truth) -> None:
    measured = {point: truth.named(evaluation.figures(point)) for point in evaluation.points}
    names = [figure.name for figure in figures("printed")]
    names = [name for name in names if any(math.isfinite(m.get(name, math.nan)) for m in measured.values())]
    tqdm.write(f"{'point':>16}{'share':>8}" + "".join(f"{name[:14]:>16}" for name in names))
    for point in evaluation.points:
        row = "".join(f"{measured[point][name]:16.4f}" for name in names)
        print(f"{point!s:>16}{costs[point].share:8.4f}{row}")
