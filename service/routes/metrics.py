"""GET /metrics: Prometheus' text format."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Response
from prometheus_client import CONTENT_TYPE_LATEST

from service.problems import documented
from service.routes.request import refuse_query
from service.telemetry.metrics import Metrics


def build_router(metrics: Metrics) -> APIRouter:
    """The route, bound to the application's metrics."""
    router = APIRouter(tags=["metrics"], dependencies=[Depends(refuse_query)])

    @router.get("/metrics", response_class=Response, responses=documented(422))
    async def scrape() -> Response:
        """All counters, gauges and histograms."""
        return Response(metrics.render(), media_type=CONTENT_TYPE_LATEST)

    return router
