"""The engine without HTTP: admission, cancellation at every stage, and what others notice of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from service.engine.cancellation import Cancellation
from service.engine.engine import Engine
from service.engine.registry import load_models
from service.engine.work import Parsed
from service.errors import Cancelled, NotReady, Overloaded, UndecodableImage
from service.metrics import Metrics
from service.settings import Settings
from tests.service.conftest import encoded, picture
from tests.service.tiny_model import write_model

PHOTO = encoded(picture(64, 64))


@pytest.fixture(scope="module")
def slow_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("slow")
    write_model(root, slow_nodes=200)
    return root


@asynccontextmanager
async def running(weights: Path, **knobs: Any) -> AsyncIterator[tuple[Engine, Metrics]]:
    settings = Settings(weights=weights, **knobs)
    metrics = Metrics()
    engine = Engine(settings, load_models(settings), metrics)
    engine.state = "ready"
    try:
        yield engine, metrics
    finally:
        engine.close()


def shapes(parsed: Parsed, pool: Executor) -> dict[str, tuple[int, ...]]:
    return {name: values.shape for name, values in parsed.maps.items()}


def start(engine: Engine, cancellation: Cancellation, **asked: Any) -> asyncio.Task[Any]:
    async def parse() -> tuple[Parsed, dict[str, tuple[int, ...]]]:
        with engine.held():
            return await engine.parse(PHOTO, engine.resolve(**asked), shapes, cancellation)

    return asyncio.create_task(parse())


async def until_inference(metrics: Metrics, count: int = 1) -> None:
    """Wait until `count` inferences have begun."""
    while (metrics.registry.get_sample_value("pag_batch_size_count") or 0) < count:
        await asyncio.sleep(0.001)


def test_parse_gives_maps_cost_and_times(weights: Path) -> None:
    async def scenario() -> None:
        async with running(weights) as (engine, _):
            parsed, found = await start(engine, Cancellation())
            assert found == {"semantics": (64, 64), "depth": (64, 64), "normals": (64, 64, 3)}
            assert (parsed.point.share, parsed.point.scale) == (1.0, 1.0)
            assert all(parsed.seconds[stage] > 0 for stage in ("decode", "inference", "postprocess"))

    asyncio.run(scenario())


def test_before_warm_up_and_after_close_work_is_refused(weights: Path) -> None:
    async def scenario() -> None:
        async with running(weights) as (engine, _):
            engine.state = "warming up"
            with pytest.raises(NotReady, match="warming up"):
                await start(engine, Cancellation())
            await engine.warm_up()
            await start(engine, Cancellation())
        with pytest.raises(NotReady, match="stopping"):
            await start(engine, Cancellation())

    asyncio.run(scenario())


def test_a_running_inference_is_stopped_and_the_next_one_works(slow_weights: Path) -> None:
    async def scenario() -> None:
        async with running(slow_weights) as (engine, metrics):
            cancellation = Cancellation()
            gone = start(engine, cancellation)
            await until_inference(metrics)
            cancellation.cancel()
            with pytest.raises(Cancelled):
                await gone
            assert metrics.registry.get_sample_value("pag_cancelled_total", {"stage": "inference"}) == 1
            await start(engine, Cancellation())

    asyncio.run(scenario())


def test_a_cancelled_caller_harms_nobody(slow_weights: Path) -> None:
    async def scenario() -> None:
        async with running(slow_weights) as (engine, _):
            cancellations = [Cancellation() for _ in range(4)]
            tasks = [start(engine, cancellation) for cancellation in cancellations]
            await asyncio.sleep(0)
            cancellations[2].cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            assert [isinstance(result, Cancelled) for result in results] == [False, False, True, False]

    asyncio.run(scenario())


def test_a_cancelled_task_frees_its_place(slow_weights: Path) -> None:
    async def scenario() -> None:
        async with running(slow_weights, max_pending=1) as (engine, metrics):
            task = start(engine, Cancellation())
            await until_inference(metrics)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await start(engine, Cancellation())

    asyncio.run(scenario())


def test_admission_is_tried_at_once(slow_weights: Path) -> None:
    async def scenario() -> None:
        async with running(slow_weights, max_pending=2) as (engine, metrics):
            tasks = [start(engine, Cancellation()) for _ in range(3)]
            await asyncio.sleep(0)
            with pytest.raises(Overloaded, match="2 requests are pending") as caught:
                await tasks[2]
            assert int(caught.value.headers["Retry-After"]) >= 1
            assert metrics.registry.get_sample_value("pag_inflight_requests") == 2
            await asyncio.gather(*tasks[:2])
            assert metrics.registry.get_sample_value("pag_inflight_requests") == 0

    asyncio.run(scenario())


def test_a_bad_image_frees_its_place(weights: Path) -> None:
    async def scenario() -> None:
        async with running(weights, max_pending=1) as (engine, _):
            for _ in range(2):
                with pytest.raises(UndecodableImage):
                    await engine.parse(PHOTO[:-40], engine.resolve(), shapes, Cancellation())
            await start(engine, Cancellation())

    asyncio.run(scenario())


def test_an_early_cancellation_computes_nothing(weights: Path) -> None:
    async def scenario() -> None:
        async with running(weights) as (engine, metrics):
            cancellation = Cancellation()
            cancellation.cancel()
            with pytest.raises(Cancelled):
                await start(engine, cancellation)
            assert metrics.registry.get_sample_value("pag_cancelled_total", {"stage": "queue"}) == 1

    asyncio.run(scenario())
