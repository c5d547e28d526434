"""The W3C trace context of each request, and the interface of exporters of spans."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from starlette.types import Scope

from service.errors import StartupError
from service.settings import Settings

# Later versions may append fields; of version 00 these are all.
GIVEN = re.compile(
    r"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})(?P<more>-.*)?"
)
SAMPLED = 1
HEADER = b"traceparent"


@dataclass(frozen=True)
class Trace:
    """Where a request stands in a trace: the trace, our span, and the caller's span above it."""

    trace_id: str
    span_id: str
    parent_id: str | None
    sampled: bool

    @property
    def traceparent(self) -> str:
        """The header that names our span as the parent of what follows."""
        return f"00-{self.trace_id}-{self.span_id}-{self.sampled:02x}"


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


def begin(headers: Iterable[tuple[bytes, bytes]], *, sampled: bool) -> Trace:
    """The trace that a valid `traceparent` names, else a new one; our span is new in both."""
    given = [value.decode("latin-1") for name, value in headers if name == HEADER]
    match = GIVEN.fullmatch(given[0].strip()) if len(given) == 1 else None
    if match is None or not _valid(match):
        return Trace(_identifier(16), _identifier(8), None, sampled)
    flags = int(match["flags"], 16)
    return Trace(match["trace"], _identifier(8), match["span"], bool(flags & SAMPLED))


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


def _valid(match: re.Match[str]) -> bool:
    unknown = match["version"] == "ff" or (match["version"] == "00" and match["more"] is not None)
    return not unknown and int(match["trace"], 16) != 0 and int(match["span"], 16) != 0


def _identifier(size: int) -> str:
    # All zeros is no identifier.
    while not any(identifier := secrets.token_bytes(size)):
        continue
    return identifier.hex()
