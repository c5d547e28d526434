"""All Prometheus metrics, declared once; base units, and no label that a client can choose."""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
SHARES = tuple(tenth / 10 for tenth in range(1, 11))


class Metrics:
    """The metrics of one application."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=registry)
        self.request_seconds = Histogram(
            "http_server_request_duration_seconds",
            "Time from a request's head to its answer's end.",
            ("method", "route", "status"),
            buckets=SECONDS,
            registry=registry,
        )
        self.stage_seconds = Histogram(
            "pag_stage_duration_seconds",
            "Time of decode, preprocess, queue, inference, postprocess, encode.",
            ("stage",),
            buckets=SECONDS,
            registry=registry,
        )
        self.queue_depth = Gauge(
            "pag_queue_depth", "Requests that wait for an inference worker.", registry=registry
        )
        self.inflight = Gauge(
            "pag_inflight_requests", "Requests admitted and not answered.", registry=registry
        )
        self.rejected = Counter(
            "pag_rejected", "Requests refused, by problem.", ("reason",), registry=registry
        )
        self.cancelled = Counter(
            "pag_cancelled", "Requests whose caller left, by stage.", ("stage",), registry=registry
        )
        self.budget_requested = Histogram(
            "pag_budget_requested", "Budget asked for.", buckets=SHARES, registry=registry
        )
        self.budget_used = Histogram("pag_budget_used", "Budget served.", buckets=SHARES, registry=registry)
        self.multiply_adds = Counter(
            "pag_multiply_adds",
            "Multiply-adds of the full networks, spent or saved by the budget.",
            ("kind",),
            registry=registry,
        )
        self.model_info = Gauge(
            "pag_model_info",
            "Always 1; the labels name a loaded model.",
            ("name", "version"),
            registry=registry,
        )

    def render(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self.registry)
