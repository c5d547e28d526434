"""Traces: where a request stands in one, and the interface of exporters of spans."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from starlette.types import Scope

from service.errors import StartupError
from service.settings import Settings


@dataclass(frozen=True)
class Trace:
    """Where a request stands in a trace: the trace, our span, and the caller's span above it."""

    trace_id: str
    span_id: str
    parent_id: str | None
    sampled: bool


@dataclass
class Served:
    """An answered request; times in nanoseconds since the epoch."""

    scope: Scope
    trace: Trace
    status: int
    begun: int
    ended: int
    answered: int
    headers: dict[str, str] = field(default_factory=dict)


class Spans(Protocol):
    """An exporter of spans."""

    def record(self, served: Served) -> None:
        """Make spans of one request; must not wait."""

    def close(self) -> None:
        """Send what is left, for a moment at most."""


def open_spans(settings: Settings, version: str) -> Spans | None:
    """The exporter of the settings, None if tracing is off; StartupError if its package is not installed."""
    if settings.tracing == "off":
        return None
    try:
        from service.telemetry.otlp import OtlpSpans  # noqa: PLC0415 (an extra: nothing of it is loaded when off)
    except ImportError as error:
        raise StartupError(
            f"PAG_TRACING={settings.tracing} needs the extra 'tracing' ({error}): "
            "pip install 'pag-parse[tracing]', or set PAG_TRACING=off"
        ) from error
    return OtlpSpans(version)
