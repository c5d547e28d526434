"""The one composition root: settings to an application that loads, warms up, serves and drains."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import cv2
from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from service import auth, cors, problems, tracing
from service.engine.engine import Engine
from service.engine.registry import load_models
from service.engine.reload import watching
from service.metrics import Metrics
from service.middleware import ObservedRequests
from service.routes import health, metrics, models, page, parse, stream, v2
from service.settings import Settings
from service.stopping import RefusedWhenStopping, Stopping
from service.version import VERSION

DESCRIPTION = "Semantic classes, metric depth and surface normals at a compute budget chosen per request."


def create_app(settings: Settings) -> FastAPI:
    """Application whose lifespan loads all models and warms them up meanwhile; StartupError if it cannot."""
    counters, stopping = Metrics(), Stopping()
    keys, origins = auth.keys_of(settings), cors.origins_of(settings)
    spans = tracing.open_spans(settings, VERSION)

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
            v2.build_router(engine, settings),
            stream.build_router(engine, settings, counters, stopping.listeners),
        ):
            app.include_router(router)
        warm_up = asyncio.create_task(engine.warm_up(parse.answers()))
        try:
            async with watching(settings, engine, counters):
                yield
        finally:
            warm_up.cancel()
            with suppress(asyncio.CancelledError):
                await warm_up
            await asyncio.to_thread(engine.close)
            if spans is not None:
                await asyncio.to_thread(spans.close)

    # The documentation's scripts come from here, not from another server: it works without the internet.
    app = FastAPIOffline(
        title="PAG dense parsing",
        version=VERSION,
        description=DESCRIPTION,
        lifespan=lifespan,
        redoc_url=None,
        static_url="/docs/static",
    )
    app.state.stopping, app.state.metrics = stopping, counters
    # The last one added is the outermost: every refusal carries ids, and what a page needs to read it.
    if keys:
        app.add_middleware(auth.ApiKeys, keys=keys)
    app.add_middleware(RefusedWhenStopping, stopping=stopping, metrics=counters)
    if origins:
        cors.install(app, origins)
    app.add_middleware(ObservedRequests, metrics=counters, spans=spans, stopping=stopping)
    app.add_middleware(v2.ErrorsBelowV2)
    problems.install(app, counters, auth.describe if keys else None)
    app.include_router(metrics.build_router(counters))
    if settings.page:
        app.include_router(page.build_router())
    return app
