"""The ceiling on budgets follows the load: down before anyone is refused, up again without flapping."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.engine.brownout import Brownout
from service.settings import Settings

STEP = 0.02
SETTINGS = Settings(brownout_wait=0.1, brownout_floor=0.2)


def simulate(brownout: Brownout, load: float, seconds: float, start: float = 0.0) -> list[float]:
    """Ceilings over time of a queue fed `load` times what a budget of 1 can bear.

    A fluid: work arrives at load x (.3 + .7 ceiling) per second, one unit is done per second, and what waits
    was admitted at the ceiling of its time.
    """
    waiting, ceilings = 0.0, []
    for step in range(round(seconds / STEP)):
        waiting = max(0.0, waiting + STEP * (load * price(brownout.ceiling) - 1))
        waiting = min(waiting, 0.3)
        brownout.update(start + step * STEP, waiting, lambda c: load * price(c) <= 0.85)
        ceilings.append(brownout.ceiling)
    return ceilings


def price(ceiling: float) -> float:
    return 0.3 + 0.7 * ceiling


def turns(ceilings: list[float]) -> int:
    moves = [b - a for a, b in pairwise(ceilings) if a != b]
    return sum(a * b < 0 for a, b in pairwise(moves))


@pytest.mark.parametrize("load", [0.2, 0.5, 0.8, 0.95])
def test_a_load_that_can_be_borne_is_not_browned_out(load: float) -> None:
    assert set(simulate(Brownout(SETTINGS), load, 20)) == {1.0}


@pytest.mark.parametrize("load", [1.2, 1.5, 2.0])
def test_an_overload_that_lower_budgets_can_bear_settles(load: float) -> None:
    ceilings = simulate(Brownout(SETTINGS), load, 40)
    settled = ceilings[len(ceilings) // 2 :]
    assert load * price(max(settled)) <= 1.05
    # No lower than it must be, but for the dead band and a step.
    assert load * price(max(settled)) >= 0.7
    # Hysteresis: it does not swing about the balance.
    assert turns(settled) <= 2


def test_more_than_the_floor_can_bear_stays_at_the_floor() -> None:
    ceilings = simulate(Brownout(SETTINGS), 10, 10)
    assert ceilings[-1] == SETTINGS.brownout_floor


def test_it_reacts_within_a_second_and_recovers() -> None:
    brownout = Brownout(SETTINGS)
    down = simulate(brownout, 2.0, 1.0)
    assert down[-1] < 0.8
    up = simulate(brownout, 0.3, 10, start=1.0)
    assert up[-1] == 1.0
    assert turns(up) == 0


def test_switched_off_it_never_moves() -> None:
    assert set(simulate(Brownout(Settings(brownout=False)), 10, 5)) == {1.0}


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 10), st.booleans()), max_size=100))
def test_the_ceiling_stays_between_floor_and_one(events: list[tuple[float, float, bool]]) -> None:
    brownout, now = Brownout(SETTINGS), 0.0
    for gap, wait, fits in events:
        now += gap
        brownout.update(now, wait, lambda _, fits=fits: fits)
        assert SETTINGS.brownout_floor <= brownout.ceiling <= 1.0
