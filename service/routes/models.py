"""GET /models: what is loaded and what it promises."""

from __future__ import annotations

from fastapi import APIRouter

from service.engine.models import ModelRegistry, ModelSession
from service.problems import documented
from service.schemas.models import ModelEntry, ModelList


def build_router(registry: ModelRegistry) -> APIRouter:
    """The routes, bound to the registry."""
    router = APIRouter(tags=["models"])

    @router.get("/models")
    async def models() -> ModelList:
        """Every loaded model with its maps, budget floor, scales, and accuracy at each budget."""
        registry.check_loaded()
        return ModelList(models=[_entry(session, registry.default) for session in registry])

    @router.get("/models/{name}", responses=documented(404))
    async def model(name: str) -> ModelEntry:
        """One loaded model."""
        return _entry(registry.get(name), registry.default)

    return router


def _entry(session: ModelSession, default: str | None) -> ModelEntry:
    manifest = session.manifest
    return ModelEntry(
        name=manifest.name,
        version=manifest.version,
        description=manifest.description,
        created=manifest.created,
        default=manifest.name == default,
        input=manifest.input,
        maps=manifest.maps,
        default_maps=manifest.default_map_names(),
        budget_floor=manifest.budget.floor,
        budget_default=manifest.budget.default,
        budget_scales=manifest.budget.scales,
        multiply_adds=manifest.multiply_adds,
        metrics=manifest.metrics,
        licence=manifest.licence,
    )
