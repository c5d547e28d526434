"""Delivery of answers: detects a client that stops accepting them, and resets its connection."""

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


class Delivery:
    """Bytes of answers that one client has not accepted yet; times in seconds of the loop's clock.

    `unsent_bytes` is their number at the last check, `progressed_at` the last check that found fewer of them.
    """

    def __init__(self, transport: asyncio.Transport, limit_seconds: float, metrics: Metrics) -> None:
        self._transport = transport
        self._limit_seconds = limit_seconds
        self._metrics = metrics
        self._pending = False
        self._stalled_since = 0.0
        self.unsent_bytes = 0
        self.progressed_at = 0.0

    def written(self, now: float) -> None:
        """Part of an answer was written: the client's time to accept it begins."""
        self._pending, self._stalled_since = True, now

    def overdue(self, now: float) -> bool:
        """Whether the client has accepted nothing for longer than the limit; called about twice a second."""
        # Most connections are idle: only those that were written to since are worth a system call.
        unsent = self._count_unsent() if self._pending else 0
        if unsent < self.unsent_bytes:
            self.progressed_at = now
        if unsent == 0 or unsent < self.unsent_bytes:
            self._stalled_since = now
        self._pending, self.unsent_bytes = unsent > 0, unsent
        return unsent > 0 and now - self._stalled_since > self._limit_seconds

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
        try:
            handle = self._transport.get_extra_info("socket").fileno()
            queued = fcntl.ioctl(handle, termios.TIOCOUTQ, b"\0" * 4)
            return self._transport.get_write_buffer_size() + int(struct.unpack("i", queued)[0])
        except OSError:
            return self._transport.get_write_buffer_size()
