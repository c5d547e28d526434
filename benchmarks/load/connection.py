"""Keep-alive connections and a pool of them that grows as requests overlap."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import cast

from benchmarks.load.wire import AnswerParser, BadAnswer

# Every body ends here: what arrives is handled before the next read, so all connections share it.
SCRATCH = memoryview(bytearray(1 << 20))


class Exchange:
    """One request on its way: when its first byte came, and its answer."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.parser = AnswerParser()
        self.first_byte = 0.0
        self.done: asyncio.Future[float] = loop.create_future()


class Connection(asyncio.BufferedProtocol):
    """One request at a time."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._exchange: Exchange | None = None
        self._transport: asyncio.Transport | None = None
        self.closed = False

    @property
    def transport(self) -> asyncio.Transport:
        """The socket."""
        assert self._transport is not None
        return self._transport

    def send(self, request: bytes) -> Exchange:
        """Write a whole request; the exchange's `done` becomes the time of the answer's last byte."""
        exchange = self._exchange = Exchange(self._loop)
        self.transport.write(request)
        return exchange

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        self._transport = cast(asyncio.Transport, transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Called by the loop."""
        return SCRATCH

    def buffer_updated(self, nbytes: int) -> None:
        """Called by the loop."""
        exchange, now = self._exchange, self._loop.time()
        if exchange is None:
            self.abort()
            return
        exchange.first_byte = exchange.first_byte or now
        try:
            if exchange.parser.feed(SCRATCH[:nbytes]):
                self._finish(exchange, now)
        except BadAnswer as error:
            self._fail(error)
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the loop."""
        self.closed = True
        self._fail(ConnectionResetError("closed before the answer's end"))

    def abort(self) -> None:
        """Close at once, whatever is on its way."""
        self.closed = True
        self.transport.abort()

    def reset(self) -> None:
        """Close at once with a reset rather than the usual farewell."""
        raw = self.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.abort()

    def _finish(self, exchange: Exchange, now: float) -> None:
        self._exchange = None
        if not exchange.done.done():
            exchange.done.set_result(now)

    def _fail(self, error: Exception) -> None:
        exchange, self._exchange = self._exchange, None
        if exchange is not None and not exchange.done.done():
            exchange.done.set_exception(error)


class Pool:
    """Idle connections to one server."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self._address = (host, port)
        self._idle: list[Connection] = []

    async def take(self) -> tuple[Connection, bool]:
        """A connection and whether it is new."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.closed:
                return connection, False
        loop = asyncio.get_running_loop()
        _, made = await loop.create_connection(lambda: Connection(loop), *self._address)
        return made, True

    def give_back(self, connection: Connection) -> None:
        """For another request, unless it is closed."""
        if not connection.closed:
            self._idle.append(connection)

    def close(self) -> None:
        """Close what is idle."""
        for connection in self._idle:
            connection.abort()
        self._idle.clear()
