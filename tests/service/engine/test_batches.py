"""Several images in one inference: each with its own budget, none harmed by another that leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.engine.engine import Engine
from service.engine.job import Cancellation, Together
from service.errors import Cancelled
from service.telemetry.metrics import Metrics
from tests.support.engines import running_engine, sample, start, until_inference
from tests.support.photographs import PHOTO, encoded, picture
from tests.support.tiny_model import write_model

pytestmark = pytest.mark.slow

BUDGETS = (1.0, 0.75, 0.5, 0.25)
KNOBS: dict[str, Any] = {"max_batch": 4, "threads": 1, "codec_threads": 4, "brownout": False}


@pytest.fixture(scope="module")
def slow_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("slow")
    write_model(root, slow_nodes=80)
    return root


async def four_behind_one(engine: Engine, metrics: Metrics) -> tuple[list[Any], list[Cancellation]]:
    """Four requests, decoded while another one runs; they form the next batch."""
    blocker = start(engine)
    await until_inference(metrics)
    cancellations = [Cancellation() for _ in BUDGETS]
    tasks = [start(engine, c, budget=b) for c, b in zip(cancellations, BUDGETS, strict=True)]
    return [blocker, *tasks], cancellations


def run(scenario: Callable[[Engine, Metrics], Any], weights: Path, **knobs: Any) -> None:
    async def inside() -> None:
        async with running_engine(weights, **(KNOBS | knobs)) as (engine, metrics):
            await scenario(engine, metrics)

    asyncio.run(inside())


def test_each_of_a_batch_gets_its_own_budget(slow_weights: Path) -> None:
    async def scenario(engine: Engine, metrics: Metrics) -> None:
        alone = [(await start(engine, budget=budget))[1] for budget in BUDGETS]
        before = sample(metrics, "pag_batch_size_count")
        tasks, _ = await four_behind_one_after(engine, metrics, before)
        for (parsed, maps), budget, expected in zip(
            (await asyncio.gather(*tasks))[1:], BUDGETS, alone, strict=True
        ):
            assert parsed.point.used_budget == budget
            # The tiny network adds its budget to the depth.
            np.testing.assert_allclose(maps["depth"], expected["depth"], rtol=1e-6)
        assert sample(metrics, "pag_batch_size_count") == before + 2
        assert sample(metrics, "pag_batch_size_sum") == before + 5

    async def four_behind_one_after(engine: Engine, metrics: Metrics, before: float) -> Any:
        blocker = start(engine)
        await until_inference(metrics, int(before) + 1)
        return [blocker, *(start(engine, budget=budget) for budget in BUDGETS)], None

    run(scenario, slow_weights)


@pytest.mark.parametrize("gone", range(4))
def test_one_that_leaves_a_waiting_batch_harms_nobody(slow_weights: Path, gone: int) -> None:
    async def scenario(engine: Engine, metrics: Metrics) -> None:
        tasks, cancellations = await four_behind_one(engine, metrics)
        cancellations[gone].cancel()
        results = (await asyncio.gather(*tasks, return_exceptions=True))[1:]
        assert [isinstance(result, Cancelled) for result in results] == [i == gone for i in range(4)]
        assert sample(metrics, "pag_batch_size_sum") == 4

    run(scenario, slow_weights)


@pytest.mark.parametrize("gone", range(4))
def test_one_that_leaves_a_running_batch_harms_nobody(slow_weights: Path, gone: int) -> None:
    async def scenario(engine: Engine, metrics: Metrics) -> None:
        tasks, cancellations = await four_behind_one(engine, metrics)
        await until_inference(metrics, 2)
        cancellations[gone].cancel()
        # It is answered at once, while the others go on.
        with pytest.raises(Cancelled):
            await tasks[1 + gone]
        rest = [task for place, task in enumerate(tasks[1:]) if place != gone]
        assert not any(task.done() for task in rest)
        assert all(maps["depth"].shape == (64, 64) for _, maps in await asyncio.gather(*rest))

    run(scenario, slow_weights)


def test_a_batch_that_all_have_left_is_stopped(slow_weights: Path) -> None:
    async def scenario(engine: Engine, metrics: Metrics) -> None:
        tasks, cancellations = await four_behind_one(engine, metrics)
        await until_inference(metrics, 2)
        for cancellation in cancellations:
            cancellation.cancel()
        results = (await asyncio.gather(*tasks, return_exceptions=True))[1:]
        assert all(isinstance(result, Cancelled) for result in results)
        await start(engine)
        assert sample(metrics, "pag_cancelled_total", stage="inference") == 4

    run(scenario, slow_weights)


def test_other_sizes_wait_for_a_batch_of_their_own(slow_weights: Path) -> None:
    async def scenario(engine: Engine, metrics: Metrics) -> None:
        wide = encoded(picture(64, 128))
        blocker = start(engine)
        await until_inference(metrics)
        tasks = [start(engine, source=source) for source in (PHOTO, wide, PHOTO, wide)]
        answers = await asyncio.gather(blocker, *tasks)
        shapes = [maps["depth"].shape for _, maps in answers[1:]]
        assert shapes == [(64, 64), (64, 128), (64, 64), (64, 128)]
        assert sample(metrics, "pag_batch_size_count") == 3

    run(scenario, slow_weights)


def test_a_member_s_failure_is_not_the_batch_s(slow_weights: Path) -> None:
    async def scenario(engine: Engine, metrics: Metrics) -> None:
        blocker = start(engine)
        await until_inference(metrics)
        tasks = [start(engine, source=source) for source in (PHOTO, PHOTO[:-40], PHOTO)]
        results = await asyncio.gather(blocker, *tasks, return_exceptions=True)
        assert [isinstance(result, Exception) for result in results] == [False, False, True, False]

    run(scenario, slow_weights)


def test_a_batch_stops_when_its_last_member_does() -> None:
    members = [Cancellation() for _ in range(3)]
    together = Together(members)
    for member in members[:2]:
        member.cancel()
        member.cancel()
    assert not together.stopped
    members[2].expire()
    assert together.stopped
    with pytest.raises(Cancelled):
        together.check()
