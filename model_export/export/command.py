"""The commands `about`, `allocate`, `choose-scales`, `export` and `verify` of python -m model_export."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from model_export.data.loader import Samples
from model_export.data.nyuv2 import NyuV2, cache_root, open_split
from model_export.data.photographs import Photographs
from model_export.export import export
from model_export.export.about import About, template
from model_export.export.allocation import allocated
from model_export.export.budget_table import BudgetTable
from model_export.export.manifest import Identity
from model_export.export.scales import choose_scales
from model_export.export.verify import verify
from model_export.threads import one_for_small
from model_export.training.saved import load_network
from model_export.writing import write_text
from service.model_folder.manifest import MODEL_NAME

PHOTOGRAPHS = "folder of images in place of NYUv2's validation split; no label is read"


def add_export(parser: argparse.ArgumentParser) -> None:
    """The options of `export`."""
    parser.add_argument(
        "--checkpoints", type=Path, nargs="+", required=True, help="stages, the last is exported"
    )
    parser.add_argument("--folder", type=Path, required=True, help="weights/<name>")
    parser.add_argument(
        "--about",
        type=Path,
        metavar="ABOUT.json",
        help="class names, licence …, see about; .toml will do too",
    )
    parser.add_argument("--table", type=Path, help="gate ratios by budget, from allocate; else equal ratios")
    parser.add_argument("--scales", type=Path, help="scale of the image by budget, from choose-scales")
    parser.add_argument("--version", default="1.0.0")
    parser.add_argument("--description", default="", help="in place of what about says")
    parser.set_defaults(run=_export)


def add_about(parser: argparse.ArgumentParser) -> None:
    """The options of `about`."""
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.set_defaults(run=_about)


def add_allocate(parser: argparse.ArgumentParser) -> None:
    """The options of `allocate`."""
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--photographs", type=Path, help=PHOTOGRAPHS)
    parser.add_argument("--images", type=int, default=30, help="so many of them, default 30")
    parser.add_argument("--output", type=Path, required=True, help="JSON file for export --table")
    parser.set_defaults(run=_allocate)


def add_choose_scales(parser: argparse.ArgumentParser) -> None:
    """The options of `choose-scales`."""
    parser.add_argument("--evaluation", type=Path, required=True, help="JSON of evaluate --points, on val")
    parser.add_argument("--output", type=Path, required=True, help="JSON file for export --scales")
    parser.set_defaults(run=_choose_scales)


def add_verify(parser: argparse.ArgumentParser) -> None:
    """The options of `verify`."""
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True, help="folder")
    parser.add_argument("--table", type=Path, help="what the model was exported with")
    parser.add_argument("--photographs", type=Path, help=PHOTOGRAPHS)
    parser.add_argument("--images", type=int, default=3, help="so many of them, default 3")
    parser.add_argument("--budgets", type=float, nargs="+", default=(0.4, 0.7, 1.0))
    parser.set_defaults(run=_verify)


def _export(arguments: argparse.Namespace) -> None:
    identity = Identity(arguments.folder.resolve().name, arguments.version, arguments.description)
    about = About.read(arguments.about) if arguments.about else None
    table = BudgetTable.read(arguments.table)
    scales = json.loads(arguments.scales.read_text(encoding="utf-8")) if arguments.scales else []
    manifest = export.export(
        arguments.checkpoints, arguments.folder, identity, about=about, table=table, scales=scales
    )
    print(f"{arguments.folder}: budget floor {manifest.budget.floor:.3f}")


def _about(arguments: argparse.Namespace) -> None:
    print(template(load_network(arguments.checkpoint)))


def _allocate(arguments: argparse.Namespace) -> None:
    network = load_network(arguments.checkpoint)
    samples = _samples(arguments.photographs, arguments.images)
    one_for_small(*samples[0].image.shape[:2])
    table = allocated(network, samples)
    write_text(arguments.output, json.dumps(table.to_json(), indent=1) + "\n")
    print(f"{arguments.output}: {len(table.budgets)} rows from budget {table.floor:.3f}")


def _samples(photographs: Path | None, images: int) -> Samples:
    if photographs is not None:
        return Photographs(photographs, images, cropped=True)
    return NyuV2(cache_root() / "nyuv2", open_split("val").ids[:images])


def _choose_scales(arguments: argparse.Namespace) -> None:
    points = json.loads(arguments.evaluation.read_text(encoding="utf-8"))["points"]
    rows = choose_scales(points)
    write_text(arguments.output, json.dumps(rows) + "\n")
    for budget, scale in rows:
        print(f"from budget {budget:g} on: scale {scale:g}")


def _verify(arguments: argparse.Namespace) -> None:
    samples = _samples(arguments.photographs, arguments.images)
    images = [samples[position].image for position in range(len(samples))]
    exportable = export.load_exportable(arguments.checkpoint, BudgetTable.read(arguments.table))
    # The forms agree to the rounding of float32; the native kernels' bfloat16 is no form of its own.
    os.environ["PERFORATED_CONV_PRECISION"] = "f32"
    verify(exportable, arguments.model / MODEL_NAME, images, arguments.budgets)
    print("all forms agree")
