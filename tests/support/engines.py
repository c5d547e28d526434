"""A real engine over a tiny model, without HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from service.engine.engine import Engine
from service.engine.job import Cancellation, Parsed
from service.engine.loading import load_models
from service.engine.models import ModelRegistry
from service.engine.resources import resolve_resources
from service.settings import Settings
from service.telemetry.metrics import Metrics
from tests.support.photographs import PHOTO

# The machine may be very busy.
PATIENT: dict[str, Any] = {"max_wait_seconds": 600.0, "timeout_seconds": 600.0}


@asynccontextmanager
async def running_engine(weights: Path, **knobs: Any) -> AsyncIterator[tuple[Engine, Metrics]]:
    """Engine that takes work without having been warmed up, so it knows nothing of its costs."""
    settings = Settings(weights=weights, **(PATIENT | knobs))
    resources, registry, metrics = resolve_resources(settings), ModelRegistry(), Metrics()
    engine = Engine(settings, resources, registry, metrics)
    registry.fill(load_models(settings, resources), settings.model)
    engine.state = "ready"
    try:
        yield engine, metrics
    finally:
        engine.close()


def maps_of(parsed: Parsed, pool: Executor) -> dict[str, Any]:
    return parsed.maps


def start(
    engine: Engine, cancellation: Cancellation | None = None, source: Any = PHOTO, **asked: Any
) -> asyncio.Task[Any]:
    """Parse `source` in a task of its own; it gives the parsed image and its maps."""

    async def parse() -> tuple[Parsed, dict[str, Any]]:
        with engine.admitted():
            return await engine.parse(
                source,
                engine.resolve(**asked),
                maps_of,
                cancellation or Cancellation(),
                engine.memory.lease(),
            )

    return asyncio.create_task(parse())


def sample(metrics: Metrics, name: str, **labels: str) -> float:
    """Value of a metric; 0 if it was never touched."""
    return metrics.registry.get_sample_value(name, labels) or 0.0


async def until_inference(metrics: Metrics, count: int = 1) -> None:
    """Wait until `count` inferences have begun."""
    while sample(metrics, "pag_batch_size_count") < count:
        await asyncio.sleep(0.001)
