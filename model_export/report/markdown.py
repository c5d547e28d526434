"""Tables and numbers in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from model_export.evaluation.compare import Measured, difference
from model_export.measures.figure import Figure
from model_export.networks.tasks import figures

NONE = "-"
MAIN, ALL = figures("main"), figures("report")
_BY_NAME = {figure.name: figure for figure in ALL}
MIOU40, PIXEL_ACCURACY = _BY_NAME["miou40"], _BY_NAME["pixel_accuracy"]
DELTA1_ALIGNED, NORMALS_MEAN = _BY_NAME["delta1_aligned"], _BY_NAME["normal_mean_degrees"]


def number(figure: Figure, value: float | None) -> str:
    """The value in the figure's unit."""
    return NONE if value is None else f"{value * figure.factor:.{figure.digits}f}"


def with_interval(figure: Figure, point: dict[str, Any]) -> str:
    """Value and interval of a point of an evaluation's JSON."""
    low, high = point["intervals"][figure.name]
    return f"{number(figure, point['figures'][figure.name])} [{number(figure, low)}, {number(figure, high)}]"


def gain(figure: Figure, a: Measured, b: Measured) -> str:
    """How much a is better than b, with the paired interval; a positive number is a better a."""
    value, *ends = (figure.sign * figure.factor * part for part in difference(a, b, figure.name))
    digits = figure.digits + 1
    cells = [f"{part:+z.{digits}f}" for part in (value, *sorted(ends))]
    return f"{cells[0]} [{cells[1]}, {cells[2]}]"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table, its first column to the left, the others to the right."""
    ruler = [":--", *["--:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ruler, *rows)) + "\n"


def heading(level: int, text: str) -> str:
    """A heading."""
    return f"{'#' * level} {text}\n"
