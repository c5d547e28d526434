"""The command `report`: the page, its plots and galleries."""

from __future__ import annotations

import argparse
from pathlib import Path

from model_export.report import gallery, page
from model_export.report.samples import Results
from model_export.report.study import ReportError

RESULTS = Path("benchmarks/results/quality")
PAGE = Path("docs/report")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of study.json")
    parser.add_argument("--output", type=Path, default=PAGE, help="folder of pictures; FOLDER.md is the page")
    parser.add_argument("--model", type=Path, help="weights/NAME: draw galleries with it")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Writes the page; with --model the galleries first."""
    try:
        results = Results(arguments.results)
        if arguments.model:
            gallery.write(results, arguments.model, arguments.output)
        print(page.write(results, arguments.output))
    except ReportError as error:
        raise SystemExit(f"no report: {error}") from error
