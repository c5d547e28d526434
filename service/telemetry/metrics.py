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
SHORT_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 1.0)
SHARES = tuple(tenth / 10 for tenth in range(1, 11))
ERRORS = (-1.0, -0.5, -0.25, -0.1, -0.05, 0.0, 0.05, 0.1, 0.25, 0.5, 1.0)
BATCHES = (1.0, 2.0, 4.0, 8.0, 16.0)


class Metrics:
    """The metrics of one application."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self._declare_work()
        self._declare_load()
        self._declare_failures()
        self._declare_budget()
        self._declare_models()

    def _declare_work(self) -> None:
        self.request_seconds = self._histogram(
            "http_server_request_duration_seconds",
            "Time from a request's head to its answer's end.",
            SECONDS,
            ("method", "route", "status"),
        )
        self.stage_seconds = self._histogram(
            "pag_stage_duration_seconds",
            "Time of decode, preprocess, queue, inference, postprocess, encode.",
            SECONDS,
            ("stage",),
        )
        self.batch_size = self._histogram("pag_batch_size", "Images of one inference.", BATCHES)
        self.prediction_error = self._histogram(
            "pag_prediction_error_ratio",
            "(measured - predicted) / predicted time, by stage; total is from the start of work to its end.",
            ERRORS,
            ("stage",),
        )

    def _declare_load(self) -> None:
        self.queue_depth = self._gauge("pag_queue_depth", "Requests that wait for the engine.")
        self.inflight = self._gauge("pag_inflight_requests", "Requests admitted and not answered.")
        self.held_bytes = self._gauge(
            "pag_held_bytes", "Bytes of bodies and answers that are held (PAG_MEMORY_BYTES limits them)."
        )
        self.streams = self._gauge("pag_streams", "Streams that are open.")
        self.stream_frames = self._counter(
            "pag_stream_frames", "Frames that streams received, by outcome.", ("outcome",)
        )
        self.backlog_seconds = self._gauge(
            "pag_backlog_seconds", "Predicted time until the engine has done all that waits."
        )
        self.brownout_level = self._gauge(
            "pag_brownout_level", "1 minus the ceiling that load sets on budgets: 0 is no brown-out."
        )

    def _declare_failures(self) -> None:
        self.rejected = self._counter("pag_rejected", "Requests refused, by problem.", ("reason",))
        self.cancelled = self._counter("pag_cancelled", "Requests whose caller left, by stage.", ("stage",))
        self.deadline_missed = self._counter(
            "pag_deadline_missed", "Requests whose deadline passed, by the stage it stopped.", ("stage",)
        )
        self.abandoned_seconds = self._histogram(
            "pag_abandoned_compute_seconds",
            "Time from a caller's departure, or the deadline, to the end of the compute for it.",
            SHORT_SECONDS,
        )

    def _declare_budget(self) -> None:
        self.budget_requested = self._histogram("pag_budget_requested", "Budget requested.", SHARES)
        self.budget_used = self._histogram("pag_budget_used", "Budget served.", SHARES)
        self.budget_reason = self._counter("pag_budget_reason", "Why a budget was used.", ("reason",))
        self.multiply_adds = self._counter(
            "pag_multiply_adds",
            "Multiply-adds of the full networks, spent or saved by the budget.",
            ("kind",),
        )
        self.pixels = self._counter(
            "pag_pixels", "Pixels at the gates of the networks, kept (computed) or skipped.", ("kind",)
        )

    def _declare_models(self) -> None:
        self.model_info = self._gauge(
            "pag_model_info", "Always 1; the labels name a loaded model.", ("name", "version")
        )
        model = ("name", "version")
        self.images = self._counter(
            "pag_model_images", "Images of a model, answered or failed.", (*model, "outcome")
        )
        self.executions = self._counter(
            "pag_model_executions", "Runs of a model's network, of one image or of several.", model
        )
        self.model_seconds = self._counter(
            "pag_model_stage_seconds",
            "Time of a model's images by stage; of those without an answer: failed.",
            (*model, "stage"),
        )
        self.last_answer = self._gauge(
            "pag_model_last_answer_timestamp_seconds", "When a model last answered.", model
        )
        self.reloads = self._counter(
            "pag_reloads", "Changes of the weights folder taken over, or refused.", ("outcome",)
        )

    def _histogram(
        self, name: str, help_text: str, buckets: tuple[float, ...], labels: tuple[str, ...] = ()
    ) -> Histogram:
        return Histogram(name, help_text, labels, buckets=buckets, registry=self.registry)

    def _counter(self, name: str, help_text: str, labels: tuple[str, ...] = ()) -> Counter:
        return Counter(name, help_text, labels, registry=self.registry)

    def _gauge(self, name: str, help_text: str, labels: tuple[str, ...] = ()) -> Gauge:
        return Gauge(name, help_text, labels, registry=self.registry)

    def value(self, name: str, /, **labels: str) -> float:
        """Value of one sample; 0 if nothing was counted yet."""
        return self.registry.get_sample_value(name, labels) or 0.0

    def render(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self.registry)
