"""Notices a client that takes no more of what is sent to it, and cuts its connection."""

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

# Linger: on, for no time.
RESET = struct.pack("ii", 1, 0)

log = structlog.get_logger(__name__)


class Taking:
    """How one client takes what is sent to it; when it last did is `moved_at`."""

    def __init__(self, transport: asyncio.Transport, seconds: float, metrics: Metrics) -> None:
        self._transport = transport
        self._seconds = seconds
        self._metrics = metrics
        self._owes = False
        self.unsent = 0
        self.moved_at = 0.0
        self._since = 0.0

    def owes(self, now: float) -> None:
        """What is untaken from now on is of this answer: time for it begins."""
        self._owes, self._since = True, now

    def overdue(self, now: float) -> bool:
        """Whether the client takes nothing for too long; asked every now and then."""
        # Most connections are idle: only those that were answered since are worth a question to the system.
        unsent = self._untaken() if self._owes else 0
        if unsent < self.unsent:
            self.moved_at = now
        if unsent == 0 or unsent < self.unsent:
            self._since = now
        self._owes, self.unsent = unsent > 0, unsent
        return unsent > 0 and now - self._since > self._seconds

    def cut(self, scope: Any) -> None:
        """End the connection; `scope` is of the request that is answered, if one is known."""
        # The middleware's additions are none of uvicorn's types.
        known: dict[str, Any] = {**(scope or {})}
        told = {name: known.get(name) for name in ("request_id", "path")}
        log.warning("slow_reader", unsent_bytes=self.unsent, seconds=self._seconds, **told)
        self._metrics.cancelled.labels("send").inc()
        # To close would wait for the very bytes that the client does not take, as would the system: reset.
        with suppress(OSError):
            self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self._transport.abort()

    def _untaken(self) -> int:
        """Bytes of answers that the client has not got: in our buffer, or in the system's."""
        # Ours alone shrinks by megabytes at a time, which a slow but steady reader may take minutes for.
        try:
            handle = self._transport.get_extra_info("socket").fileno()
            sent = fcntl.ioctl(handle, termios.TIOCOUTQ, b"\0" * 4)
            return self._transport.get_write_buffer_size() + int(struct.unpack("i", sent)[0])
        except OSError:
            return self._transport.get_write_buffer_size()
