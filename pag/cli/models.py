"""`pag models`: what can be asked for, and what each budget buys."""

from __future__ import annotations

import json
import shutil
import textwrap
from typing import TYPE_CHECKING

from pag.cli import options
from pag.cli.exit_codes import HELP
from pag.cli.tables import figure, table

if TYPE_CHECKING:
    from pag.client import Model

# Column, key of the row, digits.
FIGURES = (
    ("share", "share", 3),
    ("mIoU", "miou40", 3),
    ("delta1", "delta1_aligned", 3),
    ("normals", "normal_mean_degrees", 1),
)
EPILOG = f"""\b
budget   ceiling that is asked for
share    of the full network's multiply-adds, computed
mIoU     of the classes; delta1: share of pixels whose depth, aligned by its
         median, is within 1.25 times the truth; normals: mean error in degrees

{HELP}"""


def models(
    server: options.Server = None,
    key: options.Key = None,
    weights: options.Weights = None,
    as_json: options.AsJson = False,
) -> None:
    """List the models with their maps, least budget, and measured accuracy at each budget."""
    from pag.cli.connect import connected  # noqa: PLC0415 - quick --help

    with connected(server, key, weights) as connection:
        found = connection.client.models()
    if as_json:
        print(json.dumps({"models": [dict(model.document) for model in found]}, indent=1))
    else:
        print("\n\n".join(_text(model) for model in found))


def _text(model: Model) -> str:
    default = ", answers when none is named" if model.default else ""
    classes = f"; {len(model.classes)} classes" if model.classes else ""
    lines = [
        f"{model.name} {model.version}{default}",
        textwrap.fill(model.description, _width(), initial_indent="  ", subsequent_indent="  "),
        f"  maps: {', '.join(model.maps)}{classes}",
        f"  least budget {model.budget_floor:.3g}, default {model.budget_default:g}",
    ]
    for split in ("test", "val"):
        if model.curves.get(split):
            lines += [f"  measured on {split}:", _curve(model, split)]
            break
    return "\n".join(lines)


def _width() -> int:
    """Of the terminal, or what is read easily."""
    return max(40, min(shutil.get_terminal_size().columns, 100))


def _curve(model: Model, split: str) -> str:
    rows = sorted(model.curves[split], key=lambda row: row["budget"] or 0)
    head = ["    budget", *(column for column, *_ in FIGURES)]
    cells = [
        [f"    {row['budget']:g}", *(figure(row.get(key), digits) for _, key, digits in FIGURES)]
        for row in reversed(rows)
    ]
    return table(head, cells)
