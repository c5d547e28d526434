"""Allocation of a budget to gates, measured on images without labels.

The damage of a gate is the distance of the maps from those of the dense pass when that gate alone is lowered;
the damage of several gates is taken to be the sum. The table is a walk from every ratio at 1 to every floor,
by the steps that do the least damage per multiply-add saved, so no ratio falls as the budget rises.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch
from tqdm import tqdm

from model_export.data.loader import Samples
from model_export.export.budget_table import BudgetTable
from model_export.networks.cost import NetworkCost, count
from model_export.networks.parser import DenseParser
from model_export.networks.pixels import normalise
from model_export.networks.tasks import distillation_terms

LEVELS = (1.0, 0.75, 0.5, 0.25, 0.0)


@dataclass(frozen=True)
class Step:
    """One gate's ratio goes from `high` to `low`; damage done and multiply-adds saved by it."""

    gate: str
    high: float
    low: float
    damage: float
    saved: float

    @property
    def price(self) -> float:
        """Damage per multiply-add saved."""
        return self.damage / self.saved


def allocated(network: DenseParser, samples: Samples, *, progress: bool = True) -> BudgetTable:
    """The budget table of a trained gated network by the damage measured on all samples (a few dozen do)."""
    cost = count(network)
    return table(cost, damages(network, cost, samples, progress=progress))


@torch.no_grad()
def damages(
    network: DenseParser, cost: NetworkCost, samples: Samples, *, progress: bool = True
) -> dict[str, dict[float, float]]:
    """Gate -> its ratio (LEVELS, not below its floor) -> mean distance of the maps from the dense pass."""
    network.eval()
    levels = {name: _levels(floor) for name, floor in cost.floors.items()}
    sums = {name: dict.fromkeys(ratios, 0.0) for name, ratios in levels.items()}
    for position in tqdm(range(len(samples)), desc="allocation", unit="image", disable=not progress):
        image = normalise(torch.from_numpy(samples[position].image)[None])
        dense = network(image)
        for name, ratios in levels.items():
            for ratio in ratios[1:]:
                every = {gate: torch.full((1,), ratio if gate == name else 1.0) for gate in levels}
                terms = distillation_terms(network(image, every), dense)
                distance = sum(float(term) for term in terms.values())
                sums[name][ratio] += distance / len(samples)
    return sums


def _levels(floor: float) -> list[float]:
    return [*(level for level in LEVELS if level > floor), floor]


def table(cost: NetworkCost, damage: dict[str, dict[float, float]]) -> BudgetTable:
    """A row for every step of the walk, from the floor's budget to 1."""
    gated = cost.gated()
    steps = [step for name, curve in damage.items() for step in _steps(name, curve, gated[name])]
    ratios = dict.fromkeys(cost.floors, 1.0)
    rows = [(1.0, list(ratios.values()))]
    for step in sorted(steps, key=lambda step: step.price):
        ratios[step.gate] = step.low
        rows.append((cost.share(ratios), list(ratios.values())))
    budgets, values = zip(*reversed(rows), strict=True)
    return BudgetTable(tuple(cost.floors), np.array(budgets), np.array(values))


def _steps(gate: str, curve: dict[float, float], multiply_adds: int) -> list[Step]:
    """The steps down the lower convex hull of a gate's damage, cheapest first."""
    hull = _hull(np.array(sorted(((1 - ratio, value) for ratio, value in curve.items()))))
    return [
        Step(
            gate,
            1 - float(a[0]),
            1 - float(b[0]),
            max(float(b[1] - a[1]), 0.0),
            multiply_adds * float(b[0] - a[0]),
        )
        for a, b in pairwise(hull)
    ]


def _hull(points: npt.NDArray[np.float64]) -> Sequence[npt.NDArray[np.float64]]:
    """Lower convex hull of points [n, 2], x ascending: its slopes ascend, so a walk by price is in order."""
    hull: list[npt.NDArray[np.float64]] = []
    for point in points:
        while len(hull) > 1 and _slope(hull[-2], hull[-1]) >= _slope(hull[-1], point):
            hull.pop()
        hull.append(point)
    return hull


def _slope(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> float:
    return float((b[1] - a[1]) / (b[0] - a[0]))
