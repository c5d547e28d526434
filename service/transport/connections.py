"""HTTP connections that limit the time of a head, the framing around a body, and the reading of answers."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, cast

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.engine.memory import Memory
from service.telemetry.metrics import Metrics
from service.transport.places import Places
from service.transport.slow_readers import CountingTransport, Delivery

MAX_HEAD_BYTES = 16 * 2**10
# Chunk sizes, their extensions and trailers (and the end of a head, if one slice holds it as well): so much
# of them, and a byte more for so many of the body.
MAX_FRAMING_BYTES, BODY_PER_FRAMING = 12 * 2**10, 16
# The rest of a body that nobody wants is still read if it is so short, and the connection used again.
SHORT_BYTES = 2**20
MAX_PIPELINED = 16
# So much is parsed before the limits are looked at: tiny pieces take a microsecond each.
SLICE_BYTES = 4 * 2**10
# What still comes of a request that is answered is thrown away for so long: a close would reset the answer.
LINGER_SECONDS = 2.0
STREAM_PATH = b"/stream"
REFUSAL = b"HTTP/1.1 %s\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
TOO_MANY = REFUSAL % b"503 Service Unavailable\r\nretry-after: 1"

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Limits:
    """What all connections share: places, memory, seconds for a head or message and for falling behind."""

    arrival_seconds: float
    send_seconds: float
    least_rate: float
    metrics: Metrics
    places: Places
    memory: Memory

    def delivery(self, transport: CountingTransport) -> Delivery:
        """The delivery of answers on one connection."""
        return Delivery(transport, self.send_seconds, self.least_rate, self.metrics)


class Connection(HttpToolsProtocol):
    """uvicorn's HTTP connection, which by itself limits bodies and idle time only."""

    def __init__(self, *arguments: Any, limits: Limits, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._limits = limits
        self._head_due: float | None = None
        self._waits_since: float | None = None
        self._in_head = False
        self._receiving = False
        # Of the present request: bytes beside the body, and of the body.
        self._framing_bytes = self._body_bytes = 0
        self._deaf = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The client has connected: a head is due."""
        counting = CountingTransport(transport)
        super().connection_made(cast(asyncio.Transport, counting))
        self._delivery = self._limits.delivery(counting)
        self._wait_for_head(self._limits.arrival_seconds)
        if not self._limits.places.take(self, self.client[0] if self.client else None):
            self._deaf = True
            self.transport.write(TOO_MANY)
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed, by whomever."""
        self._limits.places.leave(self)
        super().connection_lost(exc)

    @property
    def waits_since(self) -> float | None:
        """Since when it waits for a request (seconds of the loop); None from its last byte to its answer."""
        return self._waits_since

    def give_way(self) -> None:
        """Close: another connection takes the place."""
        self._deaf = True
        self.transport.abort()

    def on_message_begin(self) -> None:
        """The first byte of a head has arrived."""
        super().on_message_begin()
        self._in_head = self._receiving = True
        self._framing_bytes = self._body_bytes = 0

    def on_headers_complete(self) -> None:
        """A head is complete."""
        self._in_head, self._head_due = False, None
        self._framing_bytes = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Part of a body has arrived."""
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A request is complete."""
        self._receiving, self._waits_since = False, None
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """An answer is written; the next head is due, unless one is in the pipeline already."""
        if not self.pipeline:
            self._wait_for_head(self.timeout_keep_alive + self._limits.arrival_seconds)
        super().on_response_complete()
        if self.cycle.response_complete and self.cycle.more_body and not self.transport.is_closing():
            length = next((int(value) for name, value in self.headers if name == b"content-length"), None)
            if length is None or length - self._body_bytes > SHORT_BYTES:
                self._linger()

    def data_received(self, data: bytes) -> None:
        """Bytes arrive; what is not wanted any more is not even parsed."""
        for start in range(0, len(data), SLICE_BYTES):
            if self._deaf or self.transport.is_closing():
                return
            part = data if len(data) <= SLICE_BYTES else data[start : start + SLICE_BYTES]
            body_before = self._body_bytes
            super().data_received(part)
            # Where another request has begun meanwhile, its body counts from 0.
            self._framing_bytes += len(part) - max(0, self._body_bytes - body_before)
            self._check_limits()

    def close_if_overdue(self, now: float) -> None:
        """Close if a head or the acceptance of an answer is overdue; `now` in seconds of the loop."""
        if self._delivery.overdue(now):
            self._delivery.reset(self.scope)
        elif self._head_due is not None and now > self._head_due and not self.transport.is_closing():
            self._refuse(b"408 Request Timeout")

    def handle_websocket_upgrade(self) -> None:
        """The connection becomes a stream's."""
        self._deaf = True
        super().handle_websocket_upgrade()
        successor = self.transport.get_protocol()
        self._limits.places.hand_over(self, cast(Any, successor))

    def _should_upgrade(self) -> bool:
        """Only the stream is a WebSocket: elsewhere the header is ignored and the request answered.

        So it is behind a request that waits: its answer would get into the stream.
        """
        requested = (self.scope["method"], self.url.partition(b"?")[0])
        alone = self.cycle is None or self.cycle.response_complete
        return requested == ("GET", STREAM_PATH) and alone and super()._should_upgrade()

    def _wait_for_head(self, seconds: float) -> None:
        self._waits_since = self.loop.time()
        self._head_due = self._waits_since + seconds

    def _check_limits(self) -> None:
        if self._deaf or self.transport.is_closing():
            return
        if self._in_head and self._framing_bytes > MAX_HEAD_BYTES:
            self._refuse(b"431 Request Header Fields Too Large")
        elif len(self.pipeline) > MAX_PIPELINED:
            self._refuse(b"429 Too Many Requests")
        elif self._framing_bytes > MAX_FRAMING_BYTES + self._body_bytes // BODY_PER_FRAMING and (
            self._receiving and not self._in_head
        ):
            self._refuse(b"400 Bad Request")

    def _linger(self) -> None:
        """Close, but not before the client has had the time to read the answer."""
        self._deaf = True
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(LINGER_SECONDS, self.transport.close)

    def _refuse(self, status: bytes) -> None:
        self._deaf = True
        log.info("request_cut_off", status=status.decode(), framing_bytes=self._framing_bytes)
        answering = self.cycle is not None and self.cycle.response_started != self.cycle.response_complete
        if self._receiving and not answering and self._delivery.unsent_bytes == 0:
            self.transport.write(REFUSAL % status)
        self.transport.close()
