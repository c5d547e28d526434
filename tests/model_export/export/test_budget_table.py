"""The table from budgets to ratios: exact at its rows, linear between, clamped at its ends."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model_export.export.budget_table import SAFETY, BudgetTable, equal_ratios
from model_export.networks.cost import LayerCost, NetworkCost

COST = NetworkCost(
    (LayerCost("stem", 200, None), LayerCost("a", 500, "a"), LayerCost("b", 300, "b")), {"a": 0.25, "b": 0.0}
)
TABLE = equal_ratios(COST)


def ratios(budget: float) -> dict[str, float]:
    return {name: float(ratio[0]) for name, ratio in TABLE.lookup(torch.tensor([budget])).items()}


def test_the_rows_ascend_from_the_floor_to_everything() -> None:
    assert TABLE.floor == TABLE.budgets[0] == pytest.approx(0.2 + 0.5 * 0.25)
    assert list(TABLE.budgets[1:]) == [0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    assert (np.diff(TABLE.ratios, axis=0) >= 0).all() and (TABLE.ratios[-1] == 1).all()


@given(budget=st.floats(0.01, 1))
def test_a_budget_is_spent_and_never_overspent(budget: float) -> None:
    share = COST.share(ratios(budget))
    assert share <= max(float(np.float32(budget)), TABLE.floor)
    assert share == pytest.approx(max(budget, TABLE.floor), abs=3e-6)


@pytest.mark.parametrize(("budget", "same_as"), [(-1.0, TABLE.floor), (0.0, TABLE.floor), (7.0, 1.0)])
def test_outside_its_range_the_ends_are_served(budget: float, same_as: float) -> None:
    assert ratios(budget) == ratios(same_as)


def test_at_1_every_pixel_is_computed_and_just_below_it_not() -> None:
    assert set(ratios(1.0).values()) == {1.0}
    assert max(ratios(float(np.nextafter(np.float32(1), np.float32(0)))).values()) < 1


def test_images_of_a_batch_are_looked_up_one_by_one() -> None:
    together = TABLE.lookup(torch.tensor([0.45, 1.0, 0.2]))
    for image, budget in enumerate((0.45, 1.0, 0.2)):
        assert {name: float(ratio[image]) for name, ratio in together.items()} == ratios(budget)


def test_the_served_rows_are_those_the_graph_computes_with() -> None:
    for budget, row in TABLE.served():
        assert row == pytest.approx(list(ratios(budget).values()), abs=2e-7)
    assert TABLE.served()[-1] == (1.0, [1.0, 1.0])
    assert TABLE.served()[0][1] == pytest.approx([0.25 * SAFETY, 0.0], abs=1e-12)


def test_without_gates_there_is_budget_1_alone() -> None:
    table = equal_ratios(NetworkCost((LayerCost("stem", 200, None),), {}))
    assert table.floor == 1.0 and table.served() == [(1.0, [])]
    assert table.lookup(torch.tensor([0.3, 1.0])) == {}


def test_a_table_may_favour_one_gate() -> None:
    table = BudgetTable(("a", "b"), np.array([0.325, 1.0]), np.array([[0.25, 0.0], [1.0, 1.0]]))
    half = table.lookup(torch.tensor([0.6625]))
    assert (float(half["a"][0]), float(half["b"][0])) == pytest.approx((0.625, 0.5), abs=1e-5)
