"""python -m model_export {train, export, evaluate, verify, ...}: networks from data to weights/<name>/."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import numpy as np

from model_export import study
from model_export.config import PRESETS
from model_export.data.class_shares import class_shares
from model_export.data.nyuv2 import NyuV2, cache_root, open_split
from model_export.evaluation import command as evaluation
from model_export.evaluation.evaluate import TorchPredictor, evaluate
from model_export.evaluation.points import Point
from model_export.export import export
from model_export.export.allocation import allocated
from model_export.export.budget_table import BudgetTable
from model_export.export.exportable import ExportableParser
from model_export.export.scales import choose_scales
from model_export.export.verify import verify
from model_export.networks.parser import DenseParser
from model_export.report import command as report
from model_export.training import train
from model_export.training.pseudo_labels import write_pseudo_labels
from model_export.writing import write_text
from service.manifest import MODEL_NAME

VALIDATION_BUDGETS = (0.5, 1.0)
REPORTED = ("miou40", "pixel_accuracy", "delta1_aligned", "normal_mean_degrees")


def _parser(program: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=program, description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")
    _add_train(commands.add_parser("train", help="train a preset; run again to resume"))
    evaluation.add_arguments(commands.add_parser("evaluate", help="figures of a split at several budgets"))
    _add_export(commands.add_parser("export", help="checkpoint to weights/<name>/"))
    _add_allocate(commands.add_parser("allocate", help="budget table by the damage that each gate does"))
    _add_choose_scales(commands.add_parser("choose-scales", help="scale of the image at each budget"))
    _add_pseudo_label(commands.add_parser("pseudo-label", help="labels for the unlabelled images"))
    study.add_arguments(commands.add_parser("study", help="train, export and evaluate the compared networks"))
    report.add_arguments(commands.add_parser("report", help="page of the stored evaluations and times"))
    _add_verify(commands.add_parser("verify", help="torch = reference = function bodies = native library"))
    return parser


def _add_train(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--preset", required=True, help=f"one of {', '.join(sorted(PRESETS))}")
    parser.add_argument("--folder", type=Path, required=True, help="of the checkpoint, log and plot")
    parser.add_argument("--pseudo-labels", type=Path, help="folder of labels for the unlabelled images")
    parser.add_argument("--initial", type=Path, help="checkpoint whose weights to start from")
    parser.add_argument("--save-minutes", type=float, default=3.0)
    parser.add_argument("--validate-steps", type=int, default=500, help="0: never")
    parser.set_defaults(run=_train)


def _add_export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--checkpoints", type=Path, nargs="+", required=True, help="stages, the last is exported"
    )
    parser.add_argument("--folder", type=Path, required=True, help="weights/<name>")
    parser.add_argument("--table", type=Path, help="gate ratios by budget, from allocate; else equal ratios")
    parser.add_argument("--scales", type=Path, help="scale of the image by budget, from choose-scales")
    parser.add_argument("--version", default="1.0.0")
    parser.add_argument("--description", default="Semantics, depth and normals of indoor scenes at a budget.")
    parser.set_defaults(run=_export)


def _add_allocate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--images", type=int, default=30, help="of the validation split; no label is read")
    parser.add_argument("--output", type=Path, required=True, help="JSON file for export --table")
    parser.set_defaults(run=_allocate)


def _add_choose_scales(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--evaluation", type=Path, required=True, help="JSON of evaluate --points, on val")
    parser.add_argument("--output", type=Path, required=True, help="JSON file for export --scales")
    parser.set_defaults(run=_choose_scales)


def _add_pseudo_label(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True, help="for ID.png of each unlabelled image")
    parser.add_argument("--confidence", type=float, default=0.5, help="least probability of a label kept")
    parser.add_argument("--class-balance", type=float, default=0.0, help="for networks trained without one")
    parser.set_defaults(run=_pseudo_label)


def _add_verify(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True, help="folder")
    parser.add_argument("--table", type=Path, help="what the model was exported with")
    parser.add_argument("--images", type=int, default=3, help="of the validation split")
    parser.add_argument("--budgets", type=float, nargs="+", default=(0.4, 0.7, 1.0))
    parser.set_defaults(run=_verify)


def _train(arguments: argparse.Namespace) -> None:
    options = train.RunOptions(
        arguments.folder, arguments.initial, arguments.save_minutes, arguments.validate_steps,
        pseudo_labels=arguments.pseudo_labels,
    )  # fmt: skip
    print(train.run(train.preset(arguments.preset), options, _validate))


def _validate(network: DenseParser) -> dict[str, float]:
    predictor = TorchPredictor(ExportableParser(network))
    points = [Point(1.0, budget) for budget in VALIDATION_BUDGETS]
    result = evaluate(predictor, open_split("val"), points, progress=False)
    figures = {point.budget: result.figures(point) for point in points}
    return {f"{name}@{budget:g}": figures[budget][name] for budget in figures for name in REPORTED}


def _export(arguments: argparse.Namespace) -> None:
    identity = export.Identity(arguments.folder.name, arguments.version, arguments.description)
    table = BudgetTable.read(arguments.table)
    scales = json.loads(arguments.scales.read_text(encoding="utf-8")) if arguments.scales else []
    manifest = export.export(arguments.checkpoints, arguments.folder, identity, table=table, scales=scales)
    print(f"{arguments.folder}: budget floor {manifest.budget.floor:.3f}")


def _allocate(arguments: argparse.Namespace) -> None:
    network = export.load_network(arguments.checkpoint)
    split = open_split("val")
    table = allocated(network, NyuV2(cache_root() / "nyuv2", split.ids[: arguments.images]))
    write_text(arguments.output, json.dumps(table.to_json(), indent=1) + "\n")
    print(f"{arguments.output}: {len(table.budgets)} rows from budget {table.floor:.3f}")


def _choose_scales(arguments: argparse.Namespace) -> None:
    points = json.loads(arguments.evaluation.read_text(encoding="utf-8"))["points"]
    rows = choose_scales(points)
    write_text(arguments.output, json.dumps(rows) + "\n")
    for budget, scale in rows:
        print(f"from budget {budget:g} on: scale {scale:g}")


def _pseudo_label(arguments: argparse.Namespace) -> None:
    bias = -arguments.class_balance * np.log(class_shares(open_split("train")))
    kept = write_pseudo_labels(
        export.load_network(arguments.checkpoint), open_split("train_unlabelled"), arguments.folder,
        bias=bias, confidence=arguments.confidence,
    )  # fmt: skip
    print(f"{arguments.folder}: {kept:.1%} of the pixels have a label")


def _verify(arguments: argparse.Namespace) -> None:
    split = open_split("val")
    images = [np.asarray(split[position].image) for position in range(arguments.images)]
    exportable = export.load_exportable(arguments.checkpoint, BudgetTable.read(arguments.table))
    # The forms agree to the rounding of float32; the native kernels' bfloat16 is no form of its own.
    os.environ["PERFORATED_CONV_PRECISION"] = "f32"
    verify(exportable, arguments.model / MODEL_NAME, images, arguments.budgets)
    print("all forms agree")


def main(words: list[str] | None = None, program: str = "python -m model_export") -> None:
    """Runs the command line, of `words` or of the process."""
    arguments = _parser(program).parse_args(words)
    arguments.run(arguments)


if __name__ == "__main__":
    main()
