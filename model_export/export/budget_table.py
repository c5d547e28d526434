"""The table from a budget to gate ratios, and its form inside the graph."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from model_export.networks.cost import NetworkCost

Floats = npt.NDArray[np.float64]
# Ratios are lowered by this factor inside the graph, so that rounding in float32 never spends a pixel more
# than the budget allows; at budget 1 every ratio is exactly 1.
SAFETY = 1.0 - 2.0**-20


@dataclass(frozen=True)
class BudgetTable:
    """Piecewise-linear and exact, since a network's share is linear in its ratios.

    Attributes:
        gates: names, in the order of the columns.
        budgets: [K] ascending shares of the full network's multiply-adds, from the floor to 1.
        ratios: [K, G] gate ratios.
    """

    gates: tuple[str, ...]
    budgets: Floats
    ratios: Floats

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {"gates": self.gates, "budgets": self.budgets.tolist(), "ratios": self.ratios.tolist()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> BudgetTable:
        """The table that to_json gave these values."""
        return cls(tuple(values["gates"]), np.array(values["budgets"]), np.array(values["ratios"]))

    @classmethod
    def read(cls, path: Path | None) -> BudgetTable | None:
        """The table of a file that `allocate` wrote; None for None."""
        return cls.from_json(json.loads(path.read_text(encoding="utf-8"))) if path else None

    @property
    def floor(self) -> float:
        """The smallest budget that is kept to; lower ones are served at it."""
        return float(self.budgets[0])

    def served(self) -> list[tuple[float, list[float]]]:
        """(budget, gate ratios) of each row as the graph serves it, from which a cost is counted."""
        ratios = self.ratios * np.where(self.budgets < 1, SAFETY, 1.0)[:, None]
        return list(zip(self.budgets.tolist(), ratios.tolist(), strict=True))

    def lookup(self, budget: Tensor) -> dict[str, Tensor]:
        """Gate name -> ratio [N], from budget float32 [N]; as the exported graph does it."""
        if not self.gates:
            return {}
        start, steps, slopes, rises = (torch.from_numpy(part) for part in self.graph_constants())
        position = ((budget[:, None] - steps) * slopes).clamp(0, 1)
        ratios = torch.where(budget[:, None] >= 1, torch.ones(()), start + position @ rises)
        return {name: ratios[:, index] for index, name in enumerate(self.gates)}

    def graph_constants(self) -> tuple[npt.NDArray[np.float32], ...]:
        """float32 (first row [G], step starts [K-1], 1/step lengths [K-1], rises [K-1, G])."""
        ratios = self.ratios * SAFETY
        parts = (ratios[0], self.budgets[:-1], 1 / np.diff(self.budgets), np.diff(ratios, axis=0))
        return tuple(part.astype(np.float32) for part in parts)


def equal_ratios(
    cost: NetworkCost, budgets: tuple[float, ...] = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
) -> BudgetTable:
    """Every gate at the same ratio, not below its floor; rows at the floor, at `budgets` above it, at 1."""
    if not cost.floors:
        return BudgetTable((), np.ones(1), np.ones((1, 0)))
    floor = cost.floor
    rows = [floor, *(budget for budget in budgets if budget > floor + 0.01), 1.0]
    names = tuple(cost.floors)
    ratios = [[cost.ratios(row)[name] for name in names] for row in rows]
    return BudgetTable(names, np.array(rows), np.array(ratios))
