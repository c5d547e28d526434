"""WebSocket connections with limits on the time of a message, of a silent peer and of accepting an answer."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, cast

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState, ProtocolError
from websockets.frames import CloseCode, Frame, Opcode

from service.engine.memory import Lease
from service.errors import Overloaded
from service.transport.connections import Limits
from service.transport.slow_readers import CountingTransport

# For the peer to read the close frame before what it still sends meets a closed socket.
LINGER_SECONDS = 1.0
# Each frame costs some ten microseconds, however small: so many at once, so many a second, and one more for
# so many bytes. A text, of options, costs as much as so many whatever its length.
FRAMES_AT_ONCE, FRAMES_PER_SECOND, BYTES_PER_FRAME, FRAMES_PER_TEXT = 200, 100, 1024, 5
# Larger answers are sent in fragments, each when those before have been accepted.
FRAGMENT_BYTES = 2**18

# Our own log lines replace those of uvicorn and websockets about a connection.
quiet = logging.getLogger(__name__)
quiet.setLevel(logging.CRITICAL)


class StreamConnection(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket connection, which by itself limits the sizes of messages only."""

    def __init__(self, *arguments: Any, limits: Limits, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.logger = self.conn.logger = quiet
        self._limits = limits
        # Of the message that arrives; whose it is, behind a trusted proxy, is known once the head is read.
        self._lease: Lease | None = None
        self._message_begun: float | None = None
        self._heard_at = 0.0
        self._frames_left = float(FRAMES_AT_ONCE)
        self._frames_counted_at = self.loop.time()
        # The parser calls it for each frame, before anything is answered.
        self._receive_frame = self.conn.recv_frame
        self.conn.recv_frame = self._counted_frame  # type: ignore[method-assign]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The transport of an HTTP connection is handed over."""
        super().connection_made(transport)
        self._delivery = self._limits.delivery(cast(CountingTransport, transport))

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed, by whomever."""
        self._limits.places.leave(self)
        self._release()
        super().connection_lost(exc)

    @property
    def waits_since(self) -> float | None:
        """A stream never gives way to another connection."""
        return None

    def give_way(self) -> None:
        """Close: another connection takes the place."""
        self.transport.abort()

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
        else:
            if self._message_begun is None:
                self._message_begun = self._heard_at
            self._count(len(data))

    def send_receive_event_to_app(self) -> None:
        """A message is complete: whoever takes it counts it."""
        self._message_begun = None
        self._release()
        super().send_receive_event_to_app()

    async def send(self, message: Any) -> None:
        """ASGI send; a large message goes out in fragments, and is not copied as a whole."""
        data = message.get("bytes")
        if message["type"] != "websocket.send" or data is None or len(data) <= FRAGMENT_BYTES:
            await super().send(message)
        else:
            for start in range(0, len(data), FRAGMENT_BYTES):
                await self.writable.wait()
                self._send_fragment(data, start)
        # Whoever waits for this may then free what was sent.
        await self.writable.wait()

    def _send_fragment(self, data: bytes, start: int) -> None:
        if self.disconnected or self.close_sent:
            raise ClientDisconnected
        part, final = data[start : start + FRAGMENT_BYTES], start + FRAGMENT_BYTES >= len(data)
        try:
            if start == 0:
                self.conn.send_binary(part, fin=final)
            else:
                self.conn.send_continuation(part, fin=final)
        except InvalidState as error:
            raise ClientDisconnected from error
        self.transport.write(b"".join(self.conn.data_to_send()))

    def _count(self, size: int) -> None:
        if self._lease is None:
            client = self.scope["client"]
            self._lease = self._limits.memory.lease(client[0] if client else None)
        try:
            self._lease.grow(size)
        except Overloaded:
            self._end(CloseCode.TRY_AGAIN_LATER, "No memory is left for this message (PAG_MEMORY_BYTES).")

    def _release(self) -> None:
        if self._lease is not None:
            self._lease.release()

    def _counted_frame(self, frame: Frame) -> None:
        now, is_text = self.loop.time(), frame.opcode is Opcode.TEXT
        earned = FRAMES_PER_SECOND * (now - self._frames_counted_at)
        earned += 0 if is_text else len(frame.data) / BYTES_PER_FRAME
        cost = FRAMES_PER_TEXT if is_text else 1
        self._frames_left = min(self._frames_left + earned, FRAMES_AT_ONCE) - cost
        self._frames_counted_at = now
        if self._frames_left < 0:
            raise ProtocolError("too many small frames")
        self._receive_frame(frame)

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
