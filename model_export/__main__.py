"""python -m model_export {train, ...}: networks from data to weights/<name>/."""

from __future__ import annotations

import argparse
from pathlib import Path

from model_export.training import train


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m model_export", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")
    training = commands.add_parser("train", help="train a preset; run again to resume")
    training.add_argument("--preset", required=True, help=f"one of {', '.join(sorted(train.PRESETS))}")
    training.add_argument("--folder", type=Path, required=True, help="of the checkpoint, log and plot")
    training.add_argument("--initial", type=Path, help="checkpoint whose weights to start from")
    training.add_argument("--save-minutes", type=float, default=3.0)
    training.add_argument("--validate-steps", type=int, default=400, help="0: never")
    training.set_defaults(run=_train)
    return parser


def _train(arguments: argparse.Namespace) -> None:
    options = train.RunOptions(
        arguments.folder, arguments.initial, arguments.save_minutes, arguments.validate_steps
    )
    print(train.run(train.preset(arguments.preset), options))


def main() -> None:
    """Runs the command line."""
    arguments = _parser().parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
