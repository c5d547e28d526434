"""The routes below /v2, bound to the engine."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from service.engine.engine import Engine
from service.engine.models import ModelSession
from service.errors import UnknownModel
from service.routes.v2.infer import infer
from service.routes.v2.metadata import describe_model, index_entry
from service.routes.v2.openapi import INFER, INFER_ANSWERS, failing
from service.routes.v2.triton import configuration_of, statistics_of
from service.schemas.triton import ModelConfig, Statistics
from service.schemas.v2 import (
    ROOT,
    ModelMetadata,
    ModelReady,
    RepositoryEntry,
    ServerLive,
    ServerMetadata,
    ServerReady,
)
from service.settings import Settings
from service.telemetry.metrics import Metrics

SERVER = "pag-service"
EXTENSIONS = ["binary_tensor_data", "model_configuration", "parameters", "schedule_policy", "statistics"]


def build_router(engine: Engine, settings: Settings, metrics: Metrics) -> APIRouter:
    """All routes of the protocol."""

    async def newest(model: str) -> ModelSession:
        return engine.registry.get(model)

    async def versioned(model: str, version: str) -> ModelSession:
        session = engine.registry.get(model)
        if session.manifest.version != version:
            known = [f"{each.manifest.name} version {each.manifest.version}" for each in engine.registry]
            raise UnknownModel(f"{model} version {version}", known)
        return session

    router = APIRouter(prefix=ROOT, tags=["open inference protocol v2"])
    _add_server(router, engine, metrics)
    parsing = asyncio.Lock()
    answer = partial(infer, engine=engine, settings=settings, parsing=parsing)
    for path, find in (("/models/{model}", newest), ("/models/{model}/versions/{version}", versioned)):
        _add_model(router, path, find, engine, answer)
        _add_triton(router, path, find, engine, metrics, settings.provider)
    return router


def _add_server(router: APIRouter, engine: Engine, metrics: Metrics) -> None:
    @router.get("")
    async def server(request: Request) -> ServerMetadata:
        """Name, version and extensions of the server."""
        return ServerMetadata(name=SERVER, version=request.app.version, extensions=EXTENSIONS)

    @router.get("/health/live", responses={503: {"model": ServerLive}})
    async def live(response: Response) -> ServerLive:
        """200 unless only a restart can help."""
        alive = engine.state != "failed"
        response.status_code = 200 if alive else 503
        return ServerLive(live=alive)

    @router.get("/health/ready", responses={503: {"model": ServerReady}})
    async def ready(response: Response) -> ServerReady:
        """200 once every model is loaded and warmed up, 503 before and while stopping."""
        response.status_code = 200 if engine.state == "ready" else 503
        return ServerReady(ready=engine.state == "ready")

    @router.post("/repository/index")
    async def index() -> list[RepositoryEntry]:
        """All models; the body is not read."""
        return [index_entry(session, engine) for session in engine.registry]

    @router.get("/models/stats")
    async def statistics() -> Statistics:
        """What each model has done since the service started."""
        return Statistics(model_stats=[statistics_of(session, metrics) for session in engine.registry])


def _add_model(
    router: APIRouter,
    path: str,
    find: Callable[..., Awaitable[ModelSession]],
    engine: Engine,
    answer: Callable[[Request, ModelSession], Awaitable[Response]],
) -> None:
    found = Depends(find)

    @router.get(path, responses=failing(404))
    async def metadata(session: ModelSession = found) -> ModelMetadata:
        """Inputs and outputs of a model."""
        return describe_model(session)

    @router.get(f"{path}/ready", responses=failing(404) | {503: {"model": ModelReady}})
    async def model_ready(response: Response, session: ModelSession = found) -> ModelReady:
        """200 once requests for the model are served."""
        response.status_code = 200 if engine.state == "ready" else 503
        return ModelReady(name=session.manifest.name, ready=engine.state == "ready")

    @router.post(f"{path}/infer", responses=INFER_ANSWERS, openapi_extra=INFER)
    async def inference(request: Request, session: ModelSession = found) -> Response:
        """The dense maps of the photographs in a tensor."""
        return await answer(request, session)


def _add_triton(
    router: APIRouter,
    path: str,
    find: Callable[..., Awaitable[ModelSession]],
    engine: Engine,
    metrics: Metrics,
    provider: str,
) -> None:
    found = Depends(find)

    @router.get(f"{path}/config", responses=failing(404))
    async def configuration(session: ModelSession = found) -> ModelConfig:
        """The configuration of a model in Triton's words."""
        return configuration_of(session, engine, provider)

    @router.get(f"{path}/stats", responses=failing(404))
    async def model_statistics(session: ModelSession = found) -> Statistics:
        """What a model has done since the service started."""
        return Statistics(model_stats=[statistics_of(session, metrics)])
