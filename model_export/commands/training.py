"""The commands `train`, `pseudo-label` and `learn-gates`."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from model_export.data.class_shares import class_shares
from model_export.data.nyuv2 import open_split
from model_export.evaluation.evaluate import evaluate
from model_export.evaluation.points import Point
from model_export.export.exportable import ExportableParser
from model_export.export.predictors import TorchPredictor
from model_export.networks.parser import DenseParser
from model_export.networks.tasks import figures
from model_export.training import gates, train
from model_export.training.config import PRESETS
from model_export.training.pseudo_labels import write_pseudo_labels
from model_export.training.saved import load_network

VALIDATION_BUDGETS = (0.5, 1.0)


def add_train(parser: argparse.ArgumentParser) -> None:
    """The options of `train`."""
    parser.add_argument("--preset", required=True, help=f"one of {', '.join(sorted(PRESETS))}")
    parser.add_argument("--folder", type=Path, required=True, help="of the checkpoint, log and plot")
    parser.add_argument("--pseudo-labels", type=Path, help="folder of labels for the unlabelled images")
    parser.add_argument("--initial", type=Path, help="checkpoint whose weights to start from")
    parser.add_argument("--save-minutes", type=float, default=3.0)
    parser.add_argument("--validate-steps", type=int, default=500, help="0: never")
    parser.set_defaults(run=_train)


def add_pseudo_label(parser: argparse.ArgumentParser) -> None:
    """The options of `pseudo-label`."""
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True, help="for ID.png of each unlabelled image")
    parser.add_argument("--confidence", type=float, default=0.5, help="least probability of a label kept")
    parser.add_argument("--class-balance", type=float, default=0.0, help="for networks trained without one")
    parser.set_defaults(run=_pseudo_label)


def add_learn_gates(parser: argparse.ArgumentParser) -> None:
    """The options of `learn-gates`."""
    parser.add_argument("--checkpoint", type=Path, required=True, help="of a network trained densely")
    parser.add_argument("--photographs", type=Path, required=True, help="folder; no label is read")
    parser.add_argument("--folder", type=Path, required=True, help="of the checkpoint, log and plot")
    parser.add_argument("--steps", type=int, default=gates.STEPS, help=f"default {gates.STEPS}")
    parser.add_argument("--batch", type=int, default=4, help="crops a step, default 4")
    parser.add_argument("--save-minutes", type=float, default=3.0)
    parser.set_defaults(run=_learn_gates)


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
    return {
        f"{figure.name}@{point.budget:g}": values[figure.name]
        for point in points
        for values in [result.figures(point)]
        for figure in figures("validated")
        if figure.name in values
    }


def _pseudo_label(arguments: argparse.Namespace) -> None:
    bias = -arguments.class_balance * np.log(class_shares(open_split("train")))
    kept = write_pseudo_labels(
        load_network(arguments.checkpoint), open_split("train_unlabelled"), arguments.folder,
        bias=bias, confidence=arguments.confidence,
    )  # fmt: skip
    print(f"{arguments.folder}: {kept:.1%} of the pixels have a label")


def _learn_gates(arguments: argparse.Namespace) -> None:
    path = gates.learn_gates(
        arguments.checkpoint, arguments.photographs, arguments.folder,
        steps=arguments.steps, batch=arguments.batch, save_minutes=arguments.save_minutes,
    )  # fmt: skip
    print(path)
