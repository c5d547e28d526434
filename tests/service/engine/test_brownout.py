"""The ceiling on budgets follows the load: down before anyone is refused, up again without flapping."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.engine.brownout import (
    CEILINGS,
    FEW,
    PERIOD_SECONDS,
    WINDOW_SECONDS,
    Brownout,
    Capacity,
    Load,
)
from service.settings import Settings
from tests.support.engines import running_engine, sample, start, until_inference
from tests.support.photographs import picture
from tests.support.tiny_model import write_model

pytestmark = pytest.mark.slow

STEP = 0.02
STEPS_A_TICK = round(PERIOD_SECONDS / STEP)
PIXELS = picture(48, 64)
SETTINGS = Settings(brownout_wait_seconds=0.1, brownout_floor=0.2)
ONE_THREAD = Capacity(threads=1, stretch=1.0)


def simulate(brownout: Brownout, load: float, seconds: float, start: float = 0.0) -> list[float]:
    """Ceilings over time of a queue fed `load` times what a budget of 1 can bear.

    A fluid: work arrives at load x (.3 + .7 ceiling) per second, one unit is done per second, and what waits
    was admitted at the ceiling of its time.
    """
    waiting, ceilings, recorded = 0.0, [], Load()
    for step in range(round(seconds / STEP)):
        now = start + step * STEP
        recorded.arrivals.append((now, tuple(STEP * load * price(ceiling) for ceiling in CEILINGS)))
        waiting = max(0.0, waiting + STEP * (load * price(brownout.ceiling) - 1))
        waiting = min(waiting, 0.3)
        recorded.longest_wait = max(recorded.longest_wait, waiting)
        if step % STEPS_A_TICK == 0:
            brownout.tick(now, recorded, ONE_THREAD)
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


def test_silence_after_a_burst_raises_it() -> None:
    brownout, silence = Brownout(SETTINGS), Load()
    assert simulate(brownout, 2.0, 1.0)[-1] < 0.8
    for tick in range(round(5 / PERIOD_SECONDS)):
        brownout.tick(1.0 + tick * PERIOD_SECONDS, silence, ONE_THREAD)
    assert brownout.ceiling == 1.0


def test_switched_off_it_never_moves() -> None:
    assert set(simulate(Brownout(Settings(brownout=False)), 10, 5)) == {1.0}


def test_a_tick_begins_to_record_anew() -> None:
    recorded = Load(longest_wait=0.3, refused=True)
    Brownout(SETTINGS).tick(1.0, recorded, ONE_THREAD)
    assert (recorded.longest_wait, recorded.refused) == (0.0, False)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 10), st.booleans(), st.booleans()), max_size=100))
def test_the_ceiling_stays_between_floor_and_one(events: list[tuple[float, float, bool, bool]]) -> None:
    brownout, now = Brownout(SETTINGS), 0.0
    for gap, wait, refused, fits in events:
        now += gap
        heavy = (now, tuple(WINDOW_SECONDS for _ in CEILINGS))
        recorded = Load(longest_wait=wait, refused=refused)
        recorded.arrivals.extend([] if fits else [heavy] * FEW)
        brownout.tick(now, recorded, ONE_THREAD)
        assert SETTINGS.brownout_floor <= brownout.ceiling <= 1.0


def test_an_engine_is_browned_out_by_its_clock_alone(tmp_path: Path) -> None:
    """A burst and the silence after it, in the time that is passed in: nobody sleeps, nobody looks."""
    write_model(tmp_path, slow_nodes=10)

    async def scenario() -> None:
        async with running_engine(tmp_path, brownout_wait_seconds=1e-4, brownout_floor=0.5) as (
            engine,
            metrics,
        ):
            # Pixels have no header to be read first: they wait for the network at once.
            await start(engine, source=PIXELS)
            burst = [start(engine, source=PIXELS) for _ in range(8)]
            await asyncio.sleep(0)
            now = time.perf_counter()
            for tick in range(20):
                engine.tick(now + tick * PERIOD_SECONDS)
            lowered = sample(metrics, "pag_brownout_level")
            assert 0 < lowered <= 0.5
            await asyncio.gather(*burst)
            for _ in range(1000):
                metrics.render()
            assert sample(metrics, "pag_brownout_level") == lowered
            now = time.perf_counter()
            for tick in range(100):
                engine.tick(now + tick * PERIOD_SECONDS)
            assert sample(metrics, "pag_brownout_level") == 0

    asyncio.run(scenario())


def test_a_slow_lone_request_is_no_load(tmp_path: Path) -> None:
    write_model(tmp_path, slow_nodes=200)

    async def scenario() -> None:
        async with running_engine(tmp_path, brownout_wait_seconds=1e-6) as (engine, metrics):
            for inferences in (1, 2):
                task = start(engine)
                await until_inference(metrics, inferences)
                for tick in range(20):
                    engine.tick(time.perf_counter() + tick * PERIOD_SECONDS)
                await task
            assert sample(metrics, "pag_brownout_level") == 0

    asyncio.run(scenario())


def test_requests_and_scrapes_between_two_ticks_leave_the_ceiling_alone(tmp_path: Path) -> None:
    write_model(tmp_path, slow_nodes=5)

    async def scenario() -> None:
        async with running_engine(tmp_path, brownout_wait_seconds=1e-6) as (engine, metrics):
            await asyncio.gather(*(start(engine) for _ in range(8)))
            metrics.render()
            assert sample(metrics, "pag_brownout_level") == 0
            engine.tick(time.perf_counter())
            assert sample(metrics, "pag_brownout_level") > 0

    asyncio.run(scenario())
