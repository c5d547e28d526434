"""The one composition root: settings to an application that loads, warms up, serves and drains."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import cv2
from fastapi import FastAPI

from service import problems
from service.engine.engine import Engine
from service.engine.registry import load_models
from service.engine.reload import watching
from service.metrics import Metrics
from service.middleware import ObservedRequests
from service.routes import health, metrics, models, parse
from service.settings import Settings

VERSION = "0.1.0"
DESCRIPTION = "Semantic classes, metric depth and surface normals at a compute budget chosen per request."


def create_app(settings: Settings) -> FastAPI:
    """Application whose lifespan loads all models, or raises StartupError, and warms them up meanwhile."""
    counters = Metrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # Our threads work side by side on images and maps; OpenCV's own would contend with them.
        cv2.setNumThreads(1)
        registry = await asyncio.to_thread(load_models, settings)
        engine = Engine(settings, registry, counters)
        for router in (
            parse.build_router(engine, settings),
            models.build_router(registry),
            health.build_router(engine),
        ):
            app.include_router(router)
        warm_up = asyncio.create_task(engine.warm_up())
        try:
            async with watching(settings, engine, counters):
                yield
        finally:
            warm_up.cancel()
            with suppress(asyncio.CancelledError):
                await warm_up
            await asyncio.to_thread(engine.close)

    app = FastAPI(title="PAG dense parsing", version=VERSION, description=DESCRIPTION, lifespan=lifespan)
    app.add_middleware(ObservedRequests, metrics=counters)
    problems.install(app, counters)
    app.include_router(metrics.build_router(counters))
    return app
