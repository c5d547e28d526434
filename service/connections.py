"""Connections with an end: heads that do not come, heads that do not end, answers that nobody takes."""

from __future__ import annotations

import asyncio
import fcntl
import socket
import struct
import termios
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.metrics import Metrics

MOST_HEAD_BYTES = 64 * 2**10
REFUSAL = b"HTTP/1.1 %s\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"

# Linger: on, for no time.
RESET = struct.pack("ii", 1, 0)

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Limits:
    """Seconds for a head to arrive, and for a client to accept more of an answer."""

    head_seconds: float
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
        self._owes = False
        self._unsent = 0
        self._taken_at = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A head is due."""
        super().connection_made(transport)
        self._head_due = self.loop.time() + self._limits.head_seconds

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
        # What is untaken from now on is of this answer: time for it begins.
        self._owes, self._taken_at = True, self.loop.time()
        if not self.pipeline:
            self._head_due = self._taken_at + self.timeout_keep_alive + self._limits.head_seconds
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Part of an answer waits for the client."""
        self._owes, self._taken_at = True, self.loop.time()
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
        # Most connections are idle: only those that were answered since are worth a question to the system.
        unsent = self._untaken() if self._owes else 0
        if unsent == 0 or unsent < self._unsent:
            self._taken_at = now
        self._owes, self._unsent = unsent > 0, unsent
        if unsent and now - self._taken_at > self._limits.send_seconds:
            self._drop_slow_reader()
        elif self._head_due is not None and now > self._head_due and not self.transport.is_closing():
            self._refuse(b"408 Request Timeout")

    def _untaken(self) -> int:
        """Bytes of answers that the client has not got: in our buffer, or in the system's."""
        # Ours alone shrinks by megabytes at a time, which a slow but steady reader may take minutes for.
        try:
            sent = fcntl.ioctl(self.transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, b"\0" * 4)
            return self.transport.get_write_buffer_size() + int(struct.unpack("i", sent)[0])
        except OSError:
            return self.transport.get_write_buffer_size()

    def _drop_slow_reader(self) -> None:
        # The middleware's additions are none of uvicorn's types.
        scope: dict[str, Any] = {**(self.scope or {})}
        told = {name: scope.get(name) for name in ("request_id", "path")}
        log.warning("slow_reader", unsent_bytes=self._unsent, seconds=self._limits.send_seconds, **told)
        self._limits.metrics.cancelled.labels("send").inc()
        # To close would wait for the very bytes that the client does not take, as would the system: reset.
        with suppress(OSError):
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.transport.abort()

    def _refuse(self, status: bytes) -> None:
        log.info("head_refused", status=status.decode(), bytes=self._head_bytes)
        if self._in_head and self._unsent == 0:
            self.transport.write(REFUSAL % status)
        self.transport.close()
