"""The engine without HTTP: admission, cancellation at every stage, and what others notice of it."""

from __future__ import annotations

import asyncio
import gc
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.engine.engine import Engine
from service.engine.job import Cancellation
from service.errors import (
    Cancelled,
    DeadlineExceeded,
    DeadlineUnreachable,
    ImageTooSmall,
    NotReady,
    Overloaded,
    UndecodableImage,
)
from service.telemetry.metrics import Metrics
from tests.support.engines import running_engine, sample, start, until_inference
from tests.support.photographs import PHOTO, picture
from tests.support.tiny_model import write_model

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def slow_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("slow")
    write_model(root, slow_nodes=200)
    return root


def test_parse_gives_maps_cost_and_times(weights: Path) -> None:
    async def scenario() -> None:
        async with running_engine(weights) as (engine, _):
            parsed, maps = await start(engine)
            found = {name: values.shape for name, values in maps.items()}
            assert found == {"semantics": (64, 64), "depth": (64, 64), "normals": (64, 64, 3)}
            assert (parsed.point.share, parsed.point.scale) == (1.0, 1.0)
            assert all(parsed.seconds[stage] > 0 for stage in ("decode", "inference", "postprocess"))

    asyncio.run(scenario())


def test_before_warm_up_and_after_close_work_is_refused(weights: Path) -> None:
    async def scenario() -> None:
        async with running_engine(weights) as (engine, _):
            engine.state = "warming up"
            with pytest.raises(NotReady, match="warming up"):
                await start(engine)
            await engine.warm_up()
            await start(engine)
        with pytest.raises(NotReady, match="stopping"):
            await start(engine)

    asyncio.run(scenario())


def test_a_running_inference_is_stopped_and_the_next_one_works(slow_weights: Path) -> None:
    async def scenario() -> None:
        async with running_engine(slow_weights, threads=1) as (engine, metrics):
            cancellation = Cancellation()
            gone = start(engine, cancellation)
            await until_inference(metrics)
            cancellation.cancel()
            with pytest.raises(Cancelled):
                await gone
            assert sample(metrics, "pag_cancelled_total", stage="inference") == 1
            await start(engine)

    asyncio.run(scenario())


def test_a_cancelled_caller_harms_nobody(slow_weights: Path) -> None:
    async def scenario() -> None:
        async with running_engine(slow_weights, threads=1) as (engine, _):
            cancellations = [Cancellation() for _ in range(4)]
            tasks = [start(engine, cancellation) for cancellation in cancellations]
            await asyncio.sleep(0)
            cancellations[2].cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            assert [isinstance(result, Cancelled) for result in results] == [False, False, True, False]

    asyncio.run(scenario())


def test_a_cancelled_task_frees_its_place(slow_weights: Path) -> None:
    async def scenario() -> None:
        async with running_engine(slow_weights, threads=1, max_pending=1) as (engine, metrics):
            task = start(engine)
            await until_inference(metrics)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await start(engine)

    asyncio.run(scenario())


def test_admission_is_tried_at_once(slow_weights: Path) -> None:
    async def scenario() -> None:
        async with running_engine(slow_weights, threads=1, max_pending=2) as (engine, metrics):
            tasks = [start(engine) for _ in range(3)]
            await asyncio.sleep(0)
            with pytest.raises(Overloaded, match="2 requests are pending") as caught:
                await tasks[2]
            assert int(caught.value.headers["Retry-After"]) >= 1
            assert sample(metrics, "pag_inflight_requests") == 2
            await asyncio.gather(*tasks[:2])
            assert sample(metrics, "pag_inflight_requests") == 0

    asyncio.run(scenario())


def test_a_bad_image_frees_its_place(weights: Path) -> None:
    async def scenario() -> None:
        async with running_engine(weights, max_pending=1) as (engine, _):
            for _ in range(2):
                with pytest.raises(UndecodableImage):
                    await start(engine, source=PHOTO[:-40])
            await start(engine)

    asyncio.run(scenario())


def test_an_early_cancellation_computes_nothing(weights: Path) -> None:
    async def scenario() -> None:
        async with running_engine(weights) as (engine, metrics):
            cancellation = Cancellation()
            cancellation.cancel()
            with pytest.raises(Cancelled):
                await start(engine, cancellation)
            assert sample(metrics, "pag_cancelled_total", stage="queue") == 1

    asyncio.run(scenario())


def test_pixels_are_parsed_as_their_photograph_is(weights: Path) -> None:
    pixels = picture(64, 64)

    async def scenario() -> None:
        async with running_engine(weights) as (engine, _):
            (_, encoded_maps), (parsed, maps) = [await start(engine, source=s) for s in (PHOTO, pixels)]
            assert parsed.format == "RGB"
            for name, values in maps.items():
                np.testing.assert_array_equal(values, encoded_maps[name])
            with pytest.raises(ImageTooSmall):
                await start(engine, source=pixels[:8])

    asyncio.run(scenario())


def test_what_misses_its_deadline_is_stopped_and_said(slow_weights: Path) -> None:
    async def scenario() -> None:
        async with running_engine(slow_weights, threads=1) as (engine, metrics):
            with pytest.raises(DeadlineExceeded):
                await start(engine, deadline=time.perf_counter() + 0.08)
            assert sample(metrics, "pag_deadline_missed_total", stage="inference") == 1
            # The threads are free again, and the compute's end is measured.
            await start(engine)
            assert sample(metrics, "pag_abandoned_compute_seconds_count") == 1

    asyncio.run(scenario())


def test_what_is_missed_again_and_again_is_refused_at_once(slow_weights: Path) -> None:
    async def scenario() -> None:
        async with running_engine(slow_weights, threads=1) as (engine, _):
            # As after a warm-up on a machine that has become much slower since.
            for shared in (False, True):
                engine._costs.seed(engine.resolve(), shared, [(1000.0, 0.02)])
            for missed in range(40):
                try:
                    await start(engine, deadline=time.perf_counter() + 0.05)
                except DeadlineExceeded:
                    continue
                except (DeadlineUnreachable, Overloaded):
                    assert missed > 0
                    return
        raise AssertionError("nothing was learned from 40 missed deadlines")

    asyncio.run(scenario())


def test_the_server_s_own_limit_on_time_holds_without_a_deadline(slow_weights: Path) -> None:
    async def scenario() -> None:
        async with running_engine(slow_weights, threads=1, timeout_seconds=0.08) as (engine, _):
            with pytest.raises(DeadlineExceeded):
                await start(engine)

    asyncio.run(scenario())


def test_what_expires_while_it_waits_is_never_computed(slow_weights: Path) -> None:
    async def scenario() -> None:
        async with running_engine(slow_weights, threads=1, codec_threads=1) as (engine, metrics):
            tasks = [start(engine) for _ in range(3)]
            late = start(engine, deadline=time.perf_counter() + 0.08, priority=200)
            with pytest.raises(DeadlineExceeded):
                await late
            await asyncio.gather(*tasks)
            assert sample(metrics, "pag_deadline_missed_total", stage="queue") == 1
            assert sample(metrics, "pag_batch_size_sum") == 3

    asyncio.run(scenario())


def test_priority_comes_first_then_the_earlier_deadline(slow_weights: Path) -> None:
    async def scenario() -> None:
        async with running_engine(slow_weights, threads=1, codec_threads=1) as (engine, metrics):
            done: list[str] = []
            blockers = [start(engine) for _ in range(2)]
            await until_inference(metrics)
            far, near = (time.perf_counter() + seconds for seconds in (500, 400))
            tasks = {
                "far": start(engine, deadline=far),
                "near": start(engine, deadline=near),
                "first": start(engine, priority=1),
                "last": start(engine, priority=200),
            }
            for name, task in tasks.items():
                task.add_done_callback(lambda _, name=name: done.append(name))
            await asyncio.gather(*blockers, *tasks.values())
            assert done == ["first", "near", "far", "last"]

    asyncio.run(scenario())


async def ends_well(engine: Engine, metrics: Metrics, pixels: Any) -> None:
    await start(engine, source=pixels)


async def leaves(engine: Engine, metrics: Metrics, pixels: Any) -> None:
    cancellation = Cancellation()
    task = start(engine, cancellation, source=pixels)
    await until_inference(metrics)
    cancellation.cancel()
    with pytest.raises(Cancelled):
        await task
    del task  # else this frame, which its error knows, would hold it


async def expires(engine: Engine, metrics: Metrics, pixels: Any) -> None:
    with pytest.raises(DeadlineExceeded):
        await start(engine, source=pixels, deadline=time.perf_counter() + 0.08)


async def is_refused(engine: Engine, metrics: Metrics, pixels: Any) -> None:
    engine._scheduler._max_wait = 1e-9
    blocker = start(engine)
    await until_inference(metrics)
    with pytest.raises(Overloaded):
        await start(engine, source=pixels)
    await blocker


@pytest.mark.parametrize("fate", [ends_well, leaves, expires, is_refused])
def test_nothing_of_a_request_outlives_it(slow_weights: Path, fate: Callable[..., Any]) -> None:
    """Its image is freed without waiting for the collector of cycles."""

    async def scenario() -> None:
        async with running_engine(slow_weights, threads=1) as (engine, metrics):
            gc.collect()
            gc.disable()
            try:
                pixels = picture(64, 64)
                image = weakref.ref(pixels)
                await fate(engine, metrics, pixels)
                del pixels
                # What computes for it may still be about to end.
                await start(engine)
                assert image() is None
            finally:
                gc.enable()

    asyncio.run(scenario())
