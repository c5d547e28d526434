"""The part `budget` of a manifest: gates, the table of their ratios, and scales of the image."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from service.model_folder.base import ManifestPart, Positive, PositiveShare, Share

SHARE_TOLERANCE = 1e-4  # a table's figures may be rounded to four decimals


class Gate(ManifestPart):
    """One gated part: its multiply-adds at the reference size when every pixel is computed."""

    name: str
    stride: Positive
    multiply_adds: Positive
    coarse_stride: Literal[0, 2]


class BudgetRow(ManifestPart):
    """Gate ratios, in the gates' order, that spend `budget` of the full network."""

    budget: PositiveShare
    ratios: tuple[Share, ...]


class ScaleRow(ManifestPart):
    """From `budget` on, until the next row, images are fed at `scale` of their working size, per side."""

    budget: PositiveShare
    scale: PositiveShare


class BudgetSpec(ManifestPart):
    """The budgets of a model: floor, default, the table from budget to gate ratios, and scales of the image.

    The table is the graph's own: a budget there is a share of the work at the size that the graph is fed.
    Without `scales` that is the working size at every budget, and the floor is the table's first budget.
    """

    floor: PositiveShare
    default: PositiveShare
    gates: tuple[Gate, ...]
    table: Annotated[tuple[BudgetRow, ...], Field(min_length=1)]
    scales: tuple[ScaleRow, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        problems = [*_table_problems(self), *_scale_problems(self)]
        if problems:
            raise ValueError("; ".join(problems))
        return self


def _table_problems(spec: BudgetSpec) -> Iterator[str]:
    rows = spec.table
    if any(len(row.ratios) != len(spec.gates) for row in rows):
        yield f"each row of the table needs {len(spec.gates)} ratios, one per gate"
        return
    if any(low.budget >= high.budget for low, high in pairwise(rows)):
        yield "the table's budgets must ascend"
    if any(a > b for low, high in pairwise(rows) for a, b in zip(low.ratios, high.ratios, strict=True)):
        yield "no gate's ratio may fall as the budget rises"
    if rows[-1].budget != 1.0:
        yield "the table's last budget must be 1.0"
    if not spec.scales and rows[0].budget != spec.floor:
        yield "without scales the table's first budget must be the floor"
    if spec.default < spec.floor:
        yield "the default budget lies below the floor"


def _scale_problems(spec: BudgetSpec) -> Iterator[str]:
    rows = spec.scales
    if any(low.budget >= high.budget for low, high in pairwise(rows)):
        yield "the scales' budgets must ascend"
    if any(low.scale > high.scale for low, high in pairwise(rows)):
        yield "no scale may fall as the budget rises"
    if rows and rows[0].budget != spec.floor:
        yield "the first scale's budget must be the floor"
