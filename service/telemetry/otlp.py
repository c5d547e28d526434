"""Spans of answered requests by OTLP over HTTP; needs the extra `tracing`, OTEL_* variables configure it."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator

from opentelemetry import trace as api
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.util.types import AttributeValue

from service.telemetry.tracing import Served, Trace

STAGE = re.compile(r"\s*([a-z0-9_-]+);dur=([0-9.]+)")
NANOSECONDS = 1_000_000
SERVER_ERROR = 500
FLUSH_SECONDS = 2.0
PAG_ATTRIBUTES = {
    "pag-model": "pag.model",
    "pag-budget-requested": "pag.budget.requested",
    "pag-budget-used": "pag.budget.used",
    "pag-budget-reason": "pag.budget.reason",
}


class OtlpSpans:
    """One server span a request and below it one per stage, sent in batches by a thread of its own."""

    def __init__(self, version: str) -> None:
        self._ids = _GivenIds()
        defaults = Resource({SERVICE_NAME: "pag-service", SERVICE_VERSION: version})
        resource = defaults.merge(OTELResourceDetector().detect())
        self._provider = TracerProvider(resource=resource, id_generator=self._ids, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("pag-service", version)

    def record(self, served: Served) -> None:
        """Queue the spans of one request; a full queue drops them and logs that."""
        method, route = served.scope["method"], getattr(served.scope.get("route"), "path", None)
        self._ids.given = served.trace
        span = self._tracer.start_span(
            f"{method} {route}" if route else method,
            context=_above(served.trace),
            kind=api.SpanKind.SERVER,
            attributes=_attributes(served, route),
            start_time=served.begun,
        )
        if served.status >= SERVER_ERROR:
            span.set_status(api.StatusCode.ERROR)
        self._record_stages(span, served)
        span.end(served.ended)

    def _record_stages(self, span: api.Span, served: Served) -> None:
        stages = list(_stages(served.headers.get("server-timing", "")))
        # The answer has durations of stages, not starts: laid end to end, the last ends with the answer.
        at = served.answered - sum(took for _, took in stages)
        context = api.set_span_in_context(span)
        for name, took in stages:
            attributes = {"pag.timing": "duration measured; placed end to end"}
            stage = self._tracer.start_span(name, context=context, attributes=attributes, start_time=at)
            at += took
            stage.end(at)

    def close(self) -> None:
        """Send what is queued, as far as that goes in a moment."""
        # By itself it would wait 30 s for a collector that does not answer.
        closing = threading.Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        closing.join(FLUSH_SECONDS)


class _GivenIds(RandomIdGenerator):
    """Gives the next server span the ids that the answer already carries."""

    def __init__(self) -> None:
        self.given: Trace | None = None

    def generate_trace_id(self) -> int:
        return int(self.given.trace_id, 16) if self.given else super().generate_trace_id()

    def generate_span_id(self) -> int:
        given, self.given = self.given, None
        return int(given.span_id, 16) if given else super().generate_span_id()


def _above(trace: Trace) -> Context:
    """Context of the caller's span, empty if there is none."""
    if trace.parent_id is None:
        return Context()
    flags = api.TraceFlags(api.TraceFlags.SAMPLED if trace.sampled else api.TraceFlags.DEFAULT)
    parent = api.SpanContext(int(trace.trace_id, 16), int(trace.parent_id, 16), True, flags)
    return api.set_span_in_context(api.NonRecordingSpan(parent), Context())


def _attributes(served: Served, route: str | None) -> dict[str, AttributeValue]:
    attributes: dict[str, AttributeValue] = {
        "http.request.method": served.scope["method"],
        "http.response.status_code": served.status,
        "url.path": served.scope["path"],
        "url.scheme": served.scope["scheme"],
        "pag.request_id": served.scope["request_id"],
    }
    if route:
        attributes["http.route"] = route
    if served.status >= SERVER_ERROR:
        attributes["error.type"] = str(served.status)
    return attributes | {
        PAG_ATTRIBUTES[name]: value for name, value in served.headers.items() if name in PAG_ATTRIBUTES
    }


def _stages(server_timing: str) -> Iterator[tuple[str, int]]:
    """Name and nanoseconds of each entry of a Server-Timing header."""
    for entry in server_timing.split(","):
        if match := STAGE.fullmatch(entry):
            yield match[1], round(float(match[2]) * NANOSECONDS)
