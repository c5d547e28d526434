"""Delivery of answers: detects a client that reads them too slowly, and resets its connection."""

from __future__ import annotations

import asyncio
import fcntl
import socket
import struct
import termios
from contextlib import suppress
from typing import Any

import structlog

from service.telemetry.metrics import Metrics

# SO_LINGER: on, for 0 seconds.
RESET = struct.pack("ii", 1, 0)

log = structlog.get_logger(__name__)


class CountingTransport:
    """A transport that counts the bytes written to it."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.written_bytes = 0

    def write(self, data: bytes) -> None:
        """Write and count; what is for a client that has gone is dropped, as asyncio's own transports do."""
        if self._transport.is_closing():
            return
        self.written_bytes += len(data)
        self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class Delivery:
    """The answers on one connection; times in seconds of the loop's clock.

    A client has `limit_seconds` of patience. It shrinks with time, and grows with each byte that the client
    accepts, as if it were read at `least_rate` bytes a second. `progressed_at` is the last check at which
    more had been accepted.
    """

    def __init__(
        self, transport: CountingTransport, limit_seconds: float, least_rate: float, metrics: Metrics
    ) -> None:
        self._transport = transport
        self._limit_seconds = limit_seconds
        self._least_rate = least_rate
        self._metrics = metrics
        self._patience_seconds = limit_seconds
        self._checked_at: float | None = None
        self._accepted_bytes = 0
        self.unsent_bytes = 0
        self.progressed_at = 0.0

    def overdue(self, now: float) -> bool:
        """Whether the client's patience is used up; called about twice a second."""
        # Most connections are idle: only those that were written to since are worth a system call.
        if self._accepted_bytes == self._transport.written_bytes:
            self._checked_at, self.unsent_bytes = None, 0
            return False
        self.unsent_bytes = self._count_unsent()
        accepted = self._transport.written_bytes - self.unsent_bytes
        more, self._accepted_bytes = accepted - self._accepted_bytes, accepted
        if more > 0:
            self.progressed_at = now
        if self.unsent_bytes == 0 or self._checked_at is None:
            self._patience_seconds, self._checked_at = self._limit_seconds, now
            return False
        patience = self._patience_seconds - (now - self._checked_at) + more / self._least_rate
        self._patience_seconds, self._checked_at = min(patience, self._limit_seconds), now
        return self._patience_seconds < 0

    def reset(self, scope: Any) -> None:
        """Reset the connection; `scope` is that of the request being answered, or None, for the log."""
        # The middleware's additions are none of uvicorn's types.
        known: dict[str, Any] = {**(scope or {})}
        request = {name: known.get(name) for name in ("request_id", "path")}
        log.warning("slow_reader", unsent_bytes=self.unsent_bytes, seconds=self._limit_seconds, **request)
        self._metrics.cancelled.labels("send").inc()
        # A close, ours or the system's, would wait for the very bytes that the client does not accept.
        with suppress(OSError):
            self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self._transport.abort()

    def _count_unsent(self) -> int:
        """Bytes in the transport's buffer and in the system's."""
        # The transport's alone shrinks by megabytes at a time, for which a slow reader may need minutes.
        buffered = int(self._transport.get_write_buffer_size())
        try:
            handle = self._transport.get_extra_info("socket").fileno()
            queued = fcntl.ioctl(handle, termios.TIOCOUTQ, b"\0" * 4)
        except OSError:
            return buffered
        return buffered + int(struct.unpack("i", queued)[0])
