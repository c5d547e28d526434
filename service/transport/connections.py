"""HTTP connections that limit the time and size of a request's head, and the time to accept an answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.telemetry.metrics import Metrics
from service.transport.slow_readers import Delivery

MAX_HEAD_BYTES = 64 * 2**10
STREAM_PATH = b"/stream"
REFUSAL = b"HTTP/1.1 %s\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Limits:
    """Seconds for a head or a message to arrive, and for a client to accept more of an answer."""

    arrival_seconds: float
    send_seconds: float
    metrics: Metrics


class Connection(HttpToolsProtocol):
    """uvicorn's HTTP connection, which by itself limits bodies and idle time only."""

    def __init__(self, *arguments: Any, limits: Limits, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._limits = limits
        self._head_due: float | None = None
        self._in_head = False
        self._head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The client has connected: a head is due."""
        super().connection_made(transport)
        self._delivery = Delivery(transport, self._limits.send_seconds, self._limits.metrics)
        self._head_due = self.loop.time() + self._limits.arrival_seconds

    def on_message_begin(self) -> None:
        """The first byte of a head has arrived."""
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0

    def on_headers_complete(self) -> None:
        """A head is complete."""
        self._in_head, self._head_due = False, None
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """An answer is written; the next head is due, unless one is in the pipeline already."""
        now = self.loop.time()
        self._delivery.written(now)
        if not self.pipeline:
            # Also while a body that was refused still arrives.
            self._head_due = now + self.timeout_keep_alive + self._limits.arrival_seconds
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Part of an answer waits in the transport's buffer."""
        self._delivery.written(self.loop.time())
        super().pause_writing()

    def data_received(self, data: bytes) -> None:
        """Bytes arrive; a head of more than MAX_HEAD_BYTES is refused."""
        was_in_head = self._in_head
        super().data_received(data)
        if was_in_head and self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
                self._refuse(b"431 Request Header Fields Too Large")

    def close_if_overdue(self, now: float) -> None:
        """Close if a head or the acceptance of an answer is overdue; `now` in seconds of the loop."""
        if self._delivery.overdue(now):
            self._delivery.reset(self.scope)
        elif self._head_due is not None and now > self._head_due and not self.transport.is_closing():
            self._refuse(b"408 Request Timeout")

    def _should_upgrade(self) -> bool:
        """Only the stream is a WebSocket: elsewhere the header is ignored and the request answered."""
        requested = (self.scope["method"], self.url.partition(b"?")[0])
        return requested == ("GET", STREAM_PATH) and super()._should_upgrade()

    def _refuse(self, status: bytes) -> None:
        log.info("head_refused", status=status.decode(), bytes=self._head_bytes)
        if self._in_head and self._delivery.unsent_bytes == 0:
            self.transport.write(REFUSAL % status)
        self.transport.close()
