"""GET /livez and /readyz: answered on the event loop, never behind an inference."""

from __future__ import annotations

from fastapi import APIRouter, Response

from service.engine.engine import Engine
from service.engine.models import ModelSession
from service.schemas.health import Liveness, Readiness, ReadyModel


def build_router(engine: Engine) -> APIRouter:
    """The routes, bound to the engine whose state they report."""
    router = APIRouter(tags=["health"])

    @router.get("/livez", responses={503: {"model": Liveness}})
    async def live(response: Response) -> Liveness:
        """200 unless only a restart can help."""
        failed = engine.state == "failed"
        response.status_code = 503 if failed else 200
        return Liveness(status="failed" if failed else "alive")

    async def ready(response: Response) -> Readiness:
        """200 once every model is loaded and warmed up, 503 before and while stopping."""
        response.status_code = 200 if engine.state == "ready" else 503
        return Readiness(status=engine.state, models=[_model(session) for session in engine.registry])

    for path in ("/readyz", "/healthz", "/health"):
        router.get(path, responses={503: {"model": Readiness}}, include_in_schema=path == "/readyz")(ready)
    return router


def _model(session: ModelSession) -> ReadyModel:
    runtime = session.runtime
    return ReadyModel(
        name=session.manifest.name,
        version=session.manifest.version,
        provider=runtime.provider,
        operator="native" if runtime.native_operator else "function body",
        kernels=runtime.kernels,
        precision=runtime.precision,
        threads=runtime.threads,
    )
