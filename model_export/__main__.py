"""python -m model_export {train, learn-gates, export, verify, ...}: networks from data to weights/<name>/."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from model_export.commands import budget, evaluate, export, report, study, training
from model_export.common.errors import FixableError
from model_export.export.verify import VerificationError
from service.model_folder.files import ManifestError

Add = Callable[[argparse.ArgumentParser], None]
COMMANDS: dict[str, tuple[Add, str]] = {
    "train": (training.add_train, "train a preset on NYUv2; run again to resume"),
    "learn-gates": (training.add_learn_gates, "gates of your own network, from photographs without labels"),
    "pseudo-label": (training.add_pseudo_label, "labels for the unlabelled images of NYUv2"),
    "allocate": (budget.add_allocate, "budget table by the damage that each gate does"),
    "choose-scales": (budget.add_choose_scales, "scale of the image at each budget"),
    "about": (export.add_about, "print an about.json to fill in: class names, licence, data terms"),
    "export": (export.add_export, "checkpoint to weights/<name>/"),
    "upgrade": (export.add_upgrade, "a model folder of schema_version 1 to version 2, in place"),
    "verify": (export.add_verify, "torch = reference = function bodies = native library"),
    "evaluate": (evaluate.add_arguments, "figures at several budgets, into the model folder too"),
    "study": (study.add_arguments, "train, export and evaluate the compared networks"),
    "report": (report.add_arguments, "page of the stored evaluations and times"),
}
MENDABLE = (FixableError, FileNotFoundError, ManifestError, VerificationError)
"""Errors whose message says all: they are shown without a trace."""


def parser(program: str = "python -m model_export") -> argparse.ArgumentParser:
    """The command line; its namespace has `run`, which is called with it."""
    whole = argparse.ArgumentParser(prog=program, description=__doc__)
    commands = whole.add_subparsers(required=True, metavar="command")
    for name, (add, summary) in COMMANDS.items():
        add(commands.add_parser(name, help=summary, description=summary))
    return whole


def main(words: Sequence[str] | None = None, program: str = "python -m model_export") -> None:
    """Runs the command line: `words`, or those that the process was started with.

    Raises:
        SystemExit: with the message of an error that can be mended, or as argparse does.
    """
    if words is not None:
        sys.argv = ["model_export", *words]  # where logs and results read their command from
    arguments = parser(program).parse_args(sys.argv[1:])
    try:
        arguments.run(arguments)
    except MENDABLE as error:
        raise SystemExit(f"error: {error}") from error


if __name__ == "__main__":
    main()
