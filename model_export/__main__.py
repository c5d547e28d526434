"""python -m model_export {train, evaluate, export, verify}: networks from data to weights/<name>/."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import numpy as np

from model_export.config import PRESETS
from model_export.data.nyuv2 import SPLITS, open_split
from model_export.evaluation.evaluate import OnnxPredictor, Predictor, TorchPredictor, evaluate
from model_export.export import export
from model_export.export.verify import verify
from model_export.networks.parser import DenseParser
from model_export.training import train
from service.manifest import MODEL_NAME

BUDGETS = (0.4, 0.5, 0.6, 0.7, 0.85, 1.0)
VALIDATION_BUDGETS = (0.5, 1.0)
REPORTED = ("miou40", "pixel_accuracy", "delta1_aligned", "normal_mean_degrees")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m model_export", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")
    _add_train(commands.add_parser("train", help="train a preset; run again to resume"))
    _add_evaluate(commands.add_parser("evaluate", help="figures of a split at several budgets"))
    _add_export(commands.add_parser("export", help="checkpoint to weights/<name>/"))
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


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--checkpoint", type=Path, help="evaluate through torch")
    parser.add_argument("--model", type=Path, help="folder: evaluate model.onnx, write the figures there")
    parser.add_argument(
        "--no-native", action="store_true", help="with --model: by function bodies; not written"
    )
    parser.add_argument("--split", choices=sorted(SPLITS), default="val")
    parser.add_argument("--budgets", type=float, nargs="+", default=BUDGETS)
    parser.set_defaults(run=_evaluate)


def _add_export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--checkpoints", type=Path, nargs="+", required=True, help="stages, the last is exported"
    )
    parser.add_argument("--folder", type=Path, required=True, help="weights/<name>")
    parser.add_argument("--version", default="1.0.0")
    parser.add_argument("--description", default="Semantics, depth and normals of indoor scenes at a budget.")
    parser.set_defaults(run=_export)


def _add_verify(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True, help="folder")
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
    predictor = TorchPredictor(export.exportable_of(network))
    figures = evaluate(predictor, open_split("val"), VALIDATION_BUDGETS, progress=False)
    return {f"{name}@{budget:g}": figures[budget][name] for budget in figures for name in REPORTED}


def _evaluate(arguments: argparse.Namespace) -> None:
    if (arguments.checkpoint is None) == (arguments.model is None):
        raise SystemExit("give either --checkpoint or --model")
    predictor: Predictor
    if arguments.checkpoint:
        predictor = TorchPredictor(export.load_exportable(arguments.checkpoint))
    else:
        predictor = OnnxPredictor(arguments.model / MODEL_NAME, native=not arguments.no_native)
    figures = evaluate(predictor, open_split(arguments.split), arguments.budgets)
    print(json.dumps(figures, indent=1))
    if arguments.model and not arguments.no_native:
        export.add_metrics(arguments.model, arguments.split, figures)


def _export(arguments: argparse.Namespace) -> None:
    identity = export.Identity(arguments.folder.name, arguments.version, arguments.description)
    manifest = export.export(arguments.checkpoints, arguments.folder, identity)
    print(f"{arguments.folder}: budget floor {manifest.budget.floor:.3f}")


def _verify(arguments: argparse.Namespace) -> None:
    split = open_split("val")
    images = [np.asarray(split[position].image) for position in range(arguments.images)]
    exportable = export.load_exportable(arguments.checkpoint)
    # The forms agree to the rounding of float32; the native kernels' bfloat16 is no form of its own.
    os.environ["PERFORATED_CONV_PRECISION"] = "f32"
    verify(exportable, arguments.model / MODEL_NAME, images, arguments.budgets)
    print("all forms agree")


def main() -> None:
    """Runs the command line."""
    arguments = _parser().parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
