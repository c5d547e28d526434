"""Allocation of a budget to gates: least damage first, monotone, exact in multiply-adds."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model_export.export.allocation import allocated, table
from model_export.networks.build import build
from model_export.networks.cost import LayerCost, NetworkCost

COST = NetworkCost(
    (LayerCost("stem", 100, None), LayerCost("a", 400, "a"), LayerCost("b", 500, "b")), {"a": 0.25, "b": 0.0}
)


def test_the_gate_that_does_less_damage_per_multiply_add_gives_way_first() -> None:
    rows = table(COST, {"a": {1.0: 0.0, 0.25: 0.3}, "b": {1.0: 0.0, 0.0: 0.05}})
    # b saves 500 of 1000 at .05, then a 300 of 1000 at .3.
    np.testing.assert_allclose(rows.budgets, [0.2, 0.5, 1.0])
    np.testing.assert_allclose(rows.ratios, [[0.25, 0.0], [1.0, 0.0], [1.0, 1.0]])


def test_a_level_above_the_line_between_its_neighbours_is_passed_over() -> None:
    rows = table(COST, {"a": {1.0: 0.0, 0.25: 9.0}, "b": {1.0: 0.0, 0.5: 0.4, 0.0: 0.5}})
    assert 0.5 not in rows.ratios[:, 1]


CURVES = st.lists(st.floats(0, 1), min_size=3, max_size=3)


@settings(deadline=None)
@given(CURVES, CURVES)
def test_any_damage_gives_a_table_that_a_budget_can_be_read_from(a: list[float], b: list[float]) -> None:
    levels = {"a": (0.75, 0.5, 0.25), "b": (0.75, 0.5, 0.0)}
    damage = {
        gate: {1.0: 0.0} | dict(zip(levels[gate], curve, strict=True)) for gate, curve in (("a", a), ("b", b))
    }
    rows = table(COST, damage)
    assert rows.budgets[0] == pytest.approx(COST.floor) and rows.budgets[-1] == 1.0
    assert all(low < high for low, high in pairwise(rows.budgets))
    assert (np.diff(rows.ratios, axis=0) >= 0).all()
    for budget, ratios in zip(rows.budgets, rows.ratios, strict=True):
        assert COST.share(dict(zip(rows.gates, ratios, strict=True))) == pytest.approx(budget)


class Noise:
    """Two images of random pixels."""

    def __len__(self) -> int:
        return 2

    def __getitem__(self, position: int) -> object:
        pixels = np.random.default_rng(position).integers(0, 256, (64, 96, 3), np.uint8)
        return type("Photograph", (), {"image": pixels})()


def test_a_network_s_table_runs_from_its_floor_to_the_whole(randomise) -> None:
    network = build("resnet26", width=0.125).eval()
    randomise(network)
    rows = allocated(network, Noise(), progress=False)  # type: ignore[arg-type]
    assert rows.gates == tuple(network.gates()) and (rows.ratios[-1] == 1).all()
    ratios = rows.lookup(torch.tensor([rows.floor]))
    assert all(float(ratio) == pytest.approx(0.25, abs=1e-5) for ratio in ratios.values())
