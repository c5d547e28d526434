"""The command `study`: trains, exports and evaluates every network of the comparison behind the report.

`python -m model_export study --dense runs/dense/checkpoint.pt --root runs/study` goes on where it stopped.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SCALES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4)
GATE_BUDGETS = (1.0, 0.86, 0.73, 0.6, 0.5, 0.43)
SERVED_BUDGETS = (1.0, 0.93, 0.86, 0.68, 0.6, 0.5, 0.43, 0.36, 0.3, 0.25, 0.2, 0.16, 0.12, 0.09)


@dataclass(frozen=True)
class Contender:
    """One network of the comparison.

    Attributes:
        name: of its folder and files.
        preset: its second stage.
        points: (scale, budget) at which it is evaluated; a budget given to a network without gates is 1.
        served: it is the budgeted network of the report: its budget is allocated to its gates, the image's
            scale at each budget is chosen on val, and it is evaluated at SERVED_BUDGETS too.
    """

    name: str
    preset: str
    points: tuple[tuple[float, float], ...] = ((1.0, 1.0),)
    served: bool = False


CONTENDERS = (
    Contender("gated", "lite0_gated", tuple((1.0, b) for b in GATE_BUDGETS), served=True),
    Contender("ungated", "lite0_ungated", tuple((scale, 1.0) for scale in SCALES)),
    Contender("identity_skip", "lite0_identity_skip", tuple((1.0, b) for b in (1.0, 0.9, 0.8, 0.7, 0.65))),
    Contender("layer_skip", "lite0_layer_skip", tuple((1.0, b) for b in (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4))),
    Contender("truncated_14", "lite0_truncated_14"),
    Contender("truncated_12", "lite0_truncated_12"),
    Contender("ratio_50", "lite0_ratio_50", ((1.0, 0.5657),)),
    Contender("ratio_30", "lite0_ratio_30", ((1.0, 0.3919),)),
    Contender("multipool_average", "lite0_multipool_average"),
    Contender("multipool_pag", "lite0_multipool_pag"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    names = [contender.name for contender in CONTENDERS]
    parser.add_argument("--dense", type=Path, required=True, help="checkpoint of the first stage")
    parser.add_argument("--root", type=Path, required=True, help="folder of the runs and models")
    parser.add_argument("--pseudo-labels", type=Path, help="folder of labels for the unlabelled images")
    parser.add_argument("--only", choices=names, nargs="+", default=names)
    parser.add_argument("--steps", choices=STEPS, nargs="+", default=tuple(STEPS))
    parser.add_argument("--split", default="test")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/quality"))
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Runs the chosen steps of the chosen contenders, each step in a process of its own."""
    for contender in CONTENDERS:
        if contender.name in arguments.only:
            for step in arguments.steps:
                STEPS[step](contender, arguments)


def _train(contender: Contender, arguments: argparse.Namespace) -> None:
    labels = ["--pseudo-labels", arguments.pseudo_labels] if arguments.pseudo_labels else []
    _call(
        "train", "--preset", contender.preset, "--folder", _run_folder(contender, arguments),
        "--initial", arguments.dense, "--validate-steps", 0, *labels,
    )  # fmt: skip


def _export(contender: Contender, arguments: argparse.Namespace) -> None:
    run, folder = _run_folder(contender, arguments), arguments.root / contender.name
    words: list[object] = [
        "export", "--checkpoints", arguments.dense, run / "checkpoint.pt", "--folder", folder,
        "--description", f"Preset {contender.preset}, for comparison.",
    ]  # fmt: skip
    if contender.served:
        words += ["--table", run / "table.json"]
        _call("allocate", "--checkpoint", run / "checkpoint.pt", "--images", 20, "--output", words[-1])
        _call(*words)
        grid = [f"{scale:g}:{budget:g}" for scale in SCALES for budget in GATE_BUDGETS]
        _call("evaluate", "--model", folder, "--points", *grid, "--output", run, "--name", "val")
        words += ["--scales", run / "scales.json"]
        _call("choose-scales", "--evaluation", run / "val.json", "--output", words[-1])
    _call(*words)


def _evaluate(contender: Contender, arguments: argparse.Namespace) -> None:
    points = [f"{scale:g}:{budget:g}" for scale, budget in contender.points]
    budgets = ["--budgets", *map(str, SERVED_BUDGETS)] if contender.served else []
    _call(
        "evaluate", "--model", arguments.root / contender.name, "--split", arguments.split, *budgets,
        "--points", *points, "--output", arguments.output / arguments.split, "--name", contender.name,
    )  # fmt: skip


STEPS = {"train": _train, "export": _export, "evaluate": _evaluate}


def _run_folder(contender: Contender, arguments: argparse.Namespace) -> Path:
    folder: Path = arguments.root / "runs" / contender.name
    return folder


def _call(*words: object) -> None:
    command: Sequence[str] = [sys.executable, "-m", "model_export", *map(str, words)]
    print(" ".join(command[2:]), flush=True)
    subprocess.run(command, check=True)
