"""GET /metrics: Prometheus' text format."""

from __future__ import annotations

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST

from service.telemetry.metrics import Metrics


def build_router(metrics: Metrics) -> APIRouter:
    """The route, bound to the application's metrics."""
    router = APIRouter(tags=["metrics"])

    @router.get("/metrics", response_class=Response)
    async def scrape() -> Response:
        """All counters, gauges and histograms."""
        return Response(metrics.render(), media_type=CONTENT_TYPE_LATEST)

    return router
