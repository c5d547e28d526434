"""WebSocket connections with an end: messages that do not, peers that are gone, answers that nobody takes."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode

from service.transport.connections import Limits
from service.transport.slow_readers import Taking

# For a peer that is told of the end to read so, before what it still sends meets a closed socket.
LINGER_SECONDS = 1.0

# What uvicorn and websockets would say of a connection, our own lines say.
quiet = logging.getLogger(__name__)
quiet.setLevel(logging.CRITICAL)


class StreamConnection(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket, which bounds messages' sizes but not their time, nor that of its answers."""

    def __init__(self, *arguments: Any, limits: Limits, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.logger = self.conn.logger = quiet
        self._limits = limits
        self._message_begun: float | None = None
        self._heard_at = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """An HTTP connection's transport is taken over."""
        super().connection_made(transport)
        self._taking = Taking(transport, self._limits.send_seconds, self._limits.metrics)

    def data_received(self, data: bytes) -> None:
        """Bytes arrive: first the whole head, then messages in pieces."""
        super().data_received(data)
        self._heard_at = self.loop.time()
        if not self.handshake_initiated:
            # It has more headers, or longer ones, than websockets reads: its refusal is all that is left.
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
        """Part of an answer waits for the client."""
        self._taking.owes(self.loop.time())
        super().pause_writing()

    def resume_writing(self) -> None:
        """The client has taken what waited."""
        self._taking.owes(self.loop.time())
        super().resume_writing()

    def close_if_overdue(self, now: float) -> None:
        """Close if a message, or the client's taking of an answer, is overdue; called every now and then."""
        seconds = self._limits.arrival_seconds
        if self._taking.overdue(now):
            self._taking.cut(getattr(self, "scope", None))
        elif self._message_begun is not None and now - self._message_begun > seconds:
            self._end(CloseCode.POLICY_VIOLATION, f"A message did not arrive within {seconds:g} seconds.")

    def keepalive_timeout(self) -> None:
        """No answer to a ping: it may stand behind a large message, which goes on."""
        assert self.ping_timeout is not None
        if self.loop.time() - max(self._heard_at, self._taking.moved_at) < self.ping_timeout:
            self.pong_timer = self.loop.call_later(self.ping_timeout, self.keepalive_timeout)
        else:
            super().keepalive_timeout()

    def handle_parser_exception(self) -> None:
        """A message is too large or against the protocol: the close frame that says so is made already."""
        told = self.conn.close_sent
        self._end(told.code if told else CloseCode.PROTOCOL_ERROR, told.reason if told else "")

    def shutdown(self) -> None:
        """The server stops, and does not wait for running requests any longer."""
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
