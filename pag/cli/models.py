"""`pag models`: the models of a server, their maps, and what each budget buys."""

from __future__ import annotations

import json
import shutil
import textwrap
from typing import TYPE_CHECKING

from pag.cli import options
from pag.cli.report import figure, table
from pag.printable import printable

if TYPE_CHECKING:
    from pag.client import MapInfo, Model

SHARE = "share"
NO_FIGURES = ("budget", SHARE, "scale")
LEGEND = """\b
maps     with their kinds (labels: class ids; probability and share: 0 to 1;
         metric: metres; vectors: unit vectors); * only where --maps names it
budget   requested ceiling on the share of the full network's multiply-adds
share    of the full network's multiply-adds, computed
The other columns are figures of accuracy, as the model names them; --json has
all of them, with their titles and units."""


def models(
    server: options.Server = None,
    key: options.Key = None,
    weights: options.Weights = None,
    as_json: options.AsJson = False,
) -> None:
    """List the models with their maps, least budget, and measured accuracy at each budget."""
    from pag.cli.connection import connected  # noqa: PLC0415 - quick --help

    with connected(server, key, weights) as connection:
        found = connection.client.models()
    if as_json:
        print(json.dumps({"models": [dict(model.document) for model in found]}, indent=1))
    else:
        print("\n\n".join(_text(model) for model in found))


def _text(model: Model) -> str:
    default = ", answers when none is named" if model.default else ""
    maps = ", ".join(_map_text(info, model) for info in model.maps.values())
    lines = [
        f"{model.name} {model.version}{default}",
        *_wrapped(printable(model.description), "  "),
        *_wrapped(f"maps: {maps}", "    "),
        f"  least budget {model.budget_floor:.3g}, default {model.budget_default:g}",
    ]
    for split in ("test", "val"):
        if model.curves.get(split):
            lines += [f"  measured on {split}:", _curve(model, split)]
            break
    return "\n".join(lines)


def _map_text(info: MapInfo, model: Model) -> str:
    classes = f" of {len(info.classes)} classes" if info.classes else ""
    return printable(f"{info.name}{'' if info.name in model.default_maps else '*'} ({info.kind}{classes})")


def _wrapped(text: str, indent: str) -> list[str]:
    """Lines as wide as the terminal, or as what is read easily."""
    width = max(40, min(shutil.get_terminal_size().columns, 100))
    return textwrap.wrap(text, width, initial_indent="  ", subsequent_indent=indent)


def _curve(model: Model, split: str) -> str:
    rows = sorted(model.curves[split], key=lambda row: row["budget"] or 0)
    headings = _headings(model, split)
    cells = [
        [f"    {row['budget']:g}", *(figure(row.get(key), 3) for key in headings)] for row in reversed(rows)
    ]
    return table(["    budget", *(printable(heading) for heading in headings.values())], cells)


def _headings(model: Model, split: str) -> dict[str, str]:
    """Column -> heading: the share, then the main figures; all by their names if the model describes none."""
    given = dict.fromkeys(key for row in model.curves[split] for key in row)
    described = {name: each for name, each in model.figures.items() if name in given}
    main = {name: each for name, each in described.items() if each.main} or described
    own = {name: name for name in given if name not in NO_FIGURES and not name.endswith(("_low", "_high"))}
    return {SHARE: SHARE} | ({name: each.heading for name, each in main.items()} or own)
