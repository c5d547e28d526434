"""The commands `about`, `export`, `upgrade` and `verify`: model folders."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import perforated_conv

from model_export.commands.samples import PHOTOGRAPHS_HELP, samples
from model_export.export import export
from model_export.export.about import About, template
from model_export.export.budget_table import BudgetTable
from model_export.export.manifest import Identity
from model_export.export.upgrade import upgrade
from model_export.export.verify import verify
from model_export.training.saved import load_network
from service.model_folder.manifest import MODEL_NAME


def add_about(parser: argparse.ArgumentParser) -> None:
    """The options of `about`."""
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.set_defaults(run=_about)


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


def add_upgrade(parser: argparse.ArgumentParser) -> None:
    """The options of `upgrade`."""
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="weights/<name>")
    parser.set_defaults(run=_upgrade)


def add_verify(parser: argparse.ArgumentParser) -> None:
    """The options of `verify`."""
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True, help="folder")
    parser.add_argument("--table", type=Path, help="what the model was exported with")
    parser.add_argument("--photographs", type=Path, help=PHOTOGRAPHS_HELP)
    parser.add_argument("--images", type=int, default=3, help="so many of them, default 3")
    parser.add_argument("--budgets", type=float, nargs="+", default=(0.4, 0.7, 1.0))
    parser.set_defaults(run=_verify)


def _about(arguments: argparse.Namespace) -> None:
    print(template(load_network(arguments.checkpoint)))


def _export(arguments: argparse.Namespace) -> None:
    identity = Identity(arguments.folder.resolve().name, arguments.version, arguments.description)
    about = About.read(arguments.about) if arguments.about else None
    table = BudgetTable.read(arguments.table)
    scales = json.loads(arguments.scales.read_text(encoding="utf-8")) if arguments.scales else []
    manifest = export.export(
        arguments.checkpoints, arguments.folder, identity, about=about, table=table, scales=scales
    )
    print(f"{arguments.folder}: budget floor {manifest.budget.floor:.3f}")


def _upgrade(arguments: argparse.Namespace) -> None:
    manifest = upgrade(arguments.folder)
    names = ", ".join(entry.name for entry in manifest.maps)
    print(f"{arguments.folder}: schema_version {manifest.schema_version}, maps {names}")


def _verify(arguments: argparse.Namespace) -> None:
    chosen = samples(arguments.photographs, arguments.images)
    images = [chosen[position].image for position in range(len(chosen))]
    exportable = export.load_exportable(arguments.checkpoint, BudgetTable.read(arguments.table))
    # The forms agree to the rounding of float32; the native kernels' bfloat16 is no form of its own.
    perforated_conv.configure(precision="f32")
    verify(exportable, arguments.model / MODEL_NAME, images, arguments.budgets)
    print("all forms agree")
