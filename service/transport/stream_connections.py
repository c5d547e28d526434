"""WebSocket connections with limits on the time of a message, of a silent peer and of accepting an answer."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode

from service.transport.connections import Limits
from service.transport.slow_readers import Delivery

# For the peer to read the close frame before what it still sends meets a closed socket.
LINGER_SECONDS = 1.0

# Our own log lines replace those of uvicorn and websockets about a connection.
quiet = logging.getLogger(__name__)
quiet.setLevel(logging.CRITICAL)


class StreamConnection(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket connection, which by itself limits the sizes of messages only."""

    def __init__(self, *arguments: Any, limits: Limits, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.logger = self.conn.logger = quiet
        self._limits = limits
        self._message_begun: float | None = None
        self._heard_at = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The transport of an HTTP connection is handed over."""
        super().connection_made(transport)
        self._delivery = Delivery(transport, self._limits.send_seconds, self._limits.metrics)

    def data_received(self, data: bytes) -> None:
        """Bytes arrive: first the whole head, then messages in pieces."""
        super().data_received(data)
        self._heard_at = self.loop.time()
        if not self.handshake_initiated:
            # More headers, or longer ones, than websockets reads: only its refusal is left to send.
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.transport.close()
        elif not (self.frames or self.conn.reader.buffer):
            self._message_begun = None
        elif self._message_begun is None:
            self._message_begun = self._heard_at

    def send_receive_event_to_app(self) -> None:
        """A message is complete."""
        self._message_begun = None
        super().send_receive_event_to_app()

    def pause_writing(self) -> None:
        """Part of an answer waits in the transport's buffer."""
        self._delivery.written(self.loop.time())
        super().pause_writing()

    def resume_writing(self) -> None:
        """The transport's buffer has drained."""
        self._delivery.written(self.loop.time())
        super().resume_writing()

    def close_if_overdue(self, now: float) -> None:
        """Close if a message or the acceptance of an answer is overdue; `now` in seconds of the loop."""
        seconds = self._limits.arrival_seconds
        if self._delivery.overdue(now):
            self._delivery.reset(getattr(self, "scope", None))
        elif self._message_begun is not None and now - self._message_begun > seconds:
            self._end(CloseCode.POLICY_VIOLATION, f"A message did not arrive within {seconds:g} seconds.")

    def keepalive_timeout(self) -> None:
        """A ping is unanswered: bytes that still move may be a large message in front of the answer."""
        assert self.ping_timeout is not None
        if self.loop.time() - max(self._heard_at, self._delivery.progressed_at) < self.ping_timeout:
            self.pong_timer = self.loop.call_later(self.ping_timeout, self.keepalive_timeout)
        else:
            super().keepalive_timeout()

    def handle_parser_exception(self) -> None:
        """A message is too large or breaks the protocol: websockets has made the close frame that says so."""
        close = self.conn.close_sent
        self._end(close.code if close else CloseCode.PROTOCOL_ERROR, close.reason if close else "")

    def shutdown(self) -> None:
        """The server stops and no longer waits for running requests."""
        self.stop_keepalive()
        if self.close_sent:
            self._linger()
        elif self.handshake_complete:
            self._end(CloseCode.GOING_AWAY, "The server is stopping.")
        else:
            super().shutdown()

    def _end(self, code: int, reason: str) -> None:
        if self.close_sent or self.transport.is_closing():
            return
        self.close_sent = True
        self._message_begun = None
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.conn.fail(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self._linger()

    def _linger(self) -> None:
        if self.close_timer is not None:
            self.close_timer.cancel()
        if self.transport.can_write_eof() and not self.transport.is_closing():
            self.transport.write_eof()
        self.close_timer = self.loop.call_later(LINGER_SECONDS, self.transport.close)
