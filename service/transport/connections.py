"""Connections with an end: heads that do not come, heads that do not end, answers that nobody takes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.telemetry.metrics import Metrics
from service.transport.slow_readers import Taking

MOST_HEAD_BYTES = 64 * 2**10
STREAM_PATH = b"/stream"
REFUSAL = b"HTTP/1.1 %s\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Limits:
    """Seconds for a head, or a message, to arrive, and for a client to accept more of an answer."""

    arrival_seconds: float
    send_seconds: float
    metrics: Metrics


class Connection(HttpToolsProtocol):
    """uvicorn's connection, which bounds bodies and idle time but not these."""

    def __init__(self, *arguments: Any, limits: Limits, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._limits = limits
        self._head_due: float | None = None
        self._in_head = False
        self._head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A head is due."""
        super().connection_made(transport)
        self._taking = Taking(transport, self._limits.send_seconds, self._limits.metrics)
        self._head_due = self.loop.time() + self._limits.arrival_seconds

    def on_message_begin(self) -> None:
        """The first byte of a head."""
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0

    def on_headers_complete(self) -> None:
        """A head has come."""
        self._in_head, self._head_due = False, None
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """Without another head on the way, one is due: also while a body nobody wants still arrives."""
        now = self.loop.time()
        self._taking.owes(now)
        if not self.pipeline:
            self._head_due = now + self.timeout_keep_alive + self._limits.arrival_seconds
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Part of an answer waits for the client."""
        self._taking.owes(self.loop.time())
        super().pause_writing()

    def data_received(self, data: bytes) -> None:
        """Bytes arrive; a head may not have any number of them."""
        was_in_head = self._in_head
        super().data_received(data)
        if was_in_head and self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEAD_BYTES and not self.transport.is_closing():
                self._refuse(b"431 Request Header Fields Too Large")

    def close_if_overdue(self, now: float) -> None:
        """Close if the head or the client's taking of the answer is overdue; called every now and then."""
        if self._taking.overdue(now):
            self._taking.cut(self.scope)
        elif self._head_due is not None and now > self._head_due and not self.transport.is_closing():
            self._refuse(b"408 Request Timeout")

    def _should_upgrade(self) -> bool:
        """Elsewhere a wish to upgrade is ignored, and the request answered."""
        asked = (self.scope["method"], self.url.partition(b"?")[0])
        return asked == ("GET", STREAM_PATH) and super()._should_upgrade()

    def _refuse(self, status: bytes) -> None:
        log.info("head_refused", status=status.decode(), bytes=self._head_bytes)
        if self._in_head and self._taking.unsent == 0:
            self.transport.write(REFUSAL % status)
        self.transport.close()
