"""The composition root: makes the application of the settings, with its engine, routes and lifespan."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import cv2
from fastapi import Depends, FastAPI
from fastapi.routing import APIRoute
from fastapi_offline import FastAPIOffline

from service import VERSION, problems
from service.engine.clock import background
from service.engine.engine import Engine
from service.engine.loading import find_models, load_models
from service.engine.models import ModelRegistry
from service.engine.reload import watching
from service.engine.resources import resolve_resources, warn_of_fewer_threads
from service.middleware import keys, origins
from service.middleware.answers import SafeAnswers
from service.middleware.head_method import HeadAsGet
from service.middleware.heads import BoundedHeads
from service.middleware.observation import ObservedRequests
from service.middleware.prefix import ForwardedPrefix
from service.middleware.stopping import RefusedWhenStopping, Stopping
from service.routes import health, metrics, models, page, parse, representations, stream, unmatched, v2
from service.routes.request import refuse_query
from service.schemas.v2 import ROOT
from service.settings import Settings
from service.telemetry import tracing
from service.telemetry.metrics import Metrics

DESCRIPTION = "Dense maps of photographs at a compute budget chosen per request."

# In the order in which people need them.
TAGS = [
    {"name": "parse", "description": "Maps of a photograph, at a compute budget."},
    {"name": "models", "description": "Models, their maps and what they do at each budget."},
    {
        "name": "open inference protocol v2",
        "description": "The same for clients of Triton and KServe.",
    },
    {"name": "health", "description": "Probes."},
    {"name": "metrics", "description": "Prometheus' metrics."},
]


def create_app(settings: Settings) -> FastAPI:
    """Application whose lifespan loads all models and warms them up meanwhile; StartupError if it cannot."""
    accepted_keys, allowed_origins = keys.keys_of(settings), origins.origins_of(settings)
    own_hosts = origins.hosts_of(settings)
    warn_of_fewer_threads(settings)
    resources, registry = resolve_resources(settings), ModelRegistry()
    counters, stopping = Metrics(), Stopping()
    engine = Engine(settings, resources, registry, counters)
    spans = tracing.open_spans(settings, VERSION)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # Our threads work side by side on images and maps; OpenCV's own would contend with them.
        cv2.setNumThreads(1)
        try:
            registry.fill(await asyncio.to_thread(load_models, settings, resources), settings.model)
            warm_up = background(engine.warm_up(representations.warmed_up()))
            async with warm_up, background(engine.run_clock()), watching(settings, engine, counters):
                yield
        finally:
            await asyncio.to_thread(engine.close)
            if spans is not None:
                await asyncio.to_thread(spans.close)

    # The documentation's scripts come from here, not from another server: it works without the internet.
    app = FastAPIOffline(
        title="PAG dense parsing",
        version=VERSION,
        description=DESCRIPTION,
        lifespan=lifespan,
        # A redirected upload is sent twice, or by some clients not at all.
        redirect_slashes=False,
        # Names of functions in generated clients.
        generate_unique_id_function=_operation_id,
        openapi_tags=TAGS,
        redoc_url=None,
        static_url="/docs/static",
    )
    app.state.stopping, app.state.metrics, app.state.memory = stopping, counters, engine.memory
    app.state.is_ready = lambda: engine.state == "ready"
    # The last one added is the outermost: every refusal carries ids, and what a page needs to read it.
    app.add_middleware(HeadAsGet)
    app.add_middleware(ForwardedPrefix)
    closed = keys.closed_by(settings)
    if accepted_keys:
        app.add_middleware(keys.ApiKeys, keys=accepted_keys, closed=closed)
    app.add_middleware(RefusedWhenStopping, stopping=stopping, metrics=counters)
    app.add_middleware(origins.OwnCallers, hosts=own_hosts, origins=allowed_origins)
    if allowed_origins:
        origins.install(app, allowed_origins)
    app.add_middleware(BoundedHeads)
    app.add_middleware(ObservedRequests, metrics=counters, spans=spans, stopping=stopping)
    app.add_middleware(SafeAnswers)
    problems.install(app, counters, partial(keys.describe, closed=closed, asked=bool(accepted_keys)))
    # These read their query themselves: what is no parameter is refused, the page's apart.
    reading = [
        parse.build_router(engine, settings),
        stream.build_router(engine, settings, counters, stopping.listeners),
    ]
    others = [
        models.build_router(registry),
        health.build_router(engine),
        metrics.build_router(counters),
        v2.build_router(engine, settings, counters),
    ]
    if settings.page:
        reading.append(page.build_router())
    for router in reading:
        app.include_router(router)
    for router in others:
        app.include_router(router, dependencies=[Depends(refuse_query)])
    unmatched.install(app, [*reading, *others])
    return app


def checked_app(settings: Settings) -> FastAPI:
    """The application, once its models are known to be whole; StartupError if they are not.

    `state.model_names` of it lists them.
    """
    names = [manifest.name for manifest in find_models(settings).values()]
    app = create_app(settings)
    app.state.model_names = names
    return app


def _operation_id(route: APIRoute) -> str:
    """The name of a function in generated clients, short and the only one of its kind."""
    protocol = ["v2"] if route.path.startswith(ROOT) else []
    versioned = ["versioned"] if "{version}" in route.path else []
    return "_".join([*protocol, *versioned, route.name])
