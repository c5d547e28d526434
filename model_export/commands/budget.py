"""The commands `allocate` and `choose-scales`: what a budget buys, gate by gate and scale by scale."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from model_export.commands.samples import PHOTOGRAPHS_HELP, samples
from model_export.common.threads import one_for_small
from model_export.common.writing import write_text
from model_export.export.allocation import allocated
from model_export.export.scales import choose_scales
from model_export.training.saved import load_network


def add_allocate(parser: argparse.ArgumentParser) -> None:
    """The options of `allocate`."""
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--photographs", type=Path, help=PHOTOGRAPHS_HELP)
    parser.add_argument("--images", type=int, default=30, help="so many of them, default 30")
    parser.add_argument("--output", type=Path, required=True, help="JSON file for export --table")
    parser.set_defaults(run=_allocate)


def add_choose_scales(parser: argparse.ArgumentParser) -> None:
    """The options of `choose-scales`."""
    parser.add_argument("--evaluation", type=Path, required=True, help="JSON of evaluate --points, on val")
    parser.add_argument("--output", type=Path, required=True, help="JSON file for export --scales")
    parser.set_defaults(run=_choose_scales)


def _allocate(arguments: argparse.Namespace) -> None:
    network = load_network(arguments.checkpoint)
    images = samples(arguments.photographs, arguments.images)
    one_for_small(*images[0].image.shape[:2])
    table = allocated(network, images)
    write_text(arguments.output, json.dumps(table.to_json(), indent=1) + "\n")
    print(f"{arguments.output}: {len(table.budgets)} rows from budget {table.floor:.3f}")


def _choose_scales(arguments: argparse.Namespace) -> None:
    points = json.loads(arguments.evaluation.read_text(encoding="utf-8"))["points"]
    rows = choose_scales(points)
    write_text(arguments.output, json.dumps(rows) + "\n")
    for budget, scale in rows:
        print(f"from budget {budget:g} on: scale {scale:g}")
