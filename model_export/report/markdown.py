"""Tables and numbers in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from model_export.evaluation.compare import Measured, difference

NONE = "-"


@dataclass(frozen=True)
class Figure:
    """How a figure is written.

    Attributes:
        name: of metrics.figures.
        title: with its unit.
        factor: from the stored value to the unit.
        digits: after the point.
        sign: 1 if more is better, -1 if less is.
    """

    name: str
    title: str
    factor: float = 100.0
    digits: int = 1
    sign: int = 1

    def number(self, value: float | None, extra: int = 0) -> str:
        """The value in the figure's unit."""
        return NONE if value is None else f"{value * self.factor:.{self.digits + extra}f}"

    def with_interval(self, point: dict[str, Any]) -> str:
        """Value and interval of a point of an evaluation's JSON."""
        low, high = point["intervals"][self.name]
        return f"{self.number(point['figures'][self.name])} [{self.number(low)}, {self.number(high)}]"

    def gain(self, a: Measured, b: Measured) -> str:
        """How much a is better than b, with the paired interval; a positive number is a better a."""
        value, *ends = (self.sign * self.factor * part for part in difference(a, b, self.name))
        digits = self.digits + 1
        cells = [f"{part:+z.{digits}f}" for part in (value, *sorted(ends))]
        return f"{cells[0]} [{cells[1]}, {cells[2]}]"


MIOU40 = Figure("miou40", "mIoU 40, %")
DELTA1 = Figure("delta1_aligned", "δ1 aligned, %")
NORMALS = Figure("normal_mean_degrees", "normals mean, °", 1.0, 2, -1)
MAIN = (MIOU40, DELTA1, NORMALS)
ALL = (
    MIOU40,
    Figure("miou13", "mIoU 13, %"),
    Figure("pixel_accuracy", "pixel acc., %"),
    Figure("delta1", "δ1 est. scale, %"),
    DELTA1,
    NORMALS,
    Figure("normal_within_11_25", "< 11.25°, %"),
)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table, its first column to the left, the others to the right."""
    ruler = [":--", *["--:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ruler, *rows)) + "\n"


def heading(level: int, text: str) -> str:
    """A heading."""
    return f"{'#' * level} {text}\n"
