"""The soak's clients, good and bad, each a coroutine that goes on until the end."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from benchmarks.load.connection import Connection, Pool
from benchmarks.load.soak.tally import Tally
from benchmarks.load.wire import AnswerParser, BadAnswer, build_head, build_request

BODY_TIMEOUT = 3
SEND_TIMEOUT = 5
PATIENCE = 60.0
BURST_EVERY, BURST_SECONDS = 30.0, 4.0
ACCEPTS = ("application/x-npz", "application/zip", "application/json")
BUDGETS = (0.1, 0.3, 0.5, 1.0)
SMALL_BUFFER = 16 * 1024


@dataclass(frozen=True)
class Target:
    """What is sent where, and how hard in a burst."""

    port: int
    photographs: tuple[bytes, ...]
    deadlines: tuple[float, ...]
    burst_rate: float


class Traffic:
    """All clients; `run` ends them after so many seconds."""

    def __init__(self, target: Target, tally: Tally, seed: int) -> None:
        self._target, self._tally = target, tally
        self._draw = random.Random(seed)
        self._pool = Pool(target.port)
        self._end = 0.0

    async def run(self, seconds: float) -> None:
        """Everything at once; returns when the last request has ended."""
        self._end = asyncio.get_running_loop().time() + seconds
        turns = (self.normal, self.normal, self.vanishing, self.uploading, self.reading, self.garbage)
        await asyncio.gather(self.bursts(), *(self._repeat(turn) for turn in turns))
        self._pool.close()

    async def _repeat(self, turn: Callable[[], Awaitable[None]]) -> None:
        while self._left() > 0:
            await turn()

    def _left(self) -> float:
        return self._end - asyncio.get_running_loop().time()

    async def normal(self) -> None:
        """A well-formed request, then a pause."""
        await self._ask("normal", self.well_formed())
        await asyncio.sleep(self._draw.uniform(0, 0.2))

    async def bursts(self) -> None:
        """More than can be served, for some seconds of every half minute."""
        loop, running = asyncio.get_running_loop(), set()
        while self._left() > BURST_EVERY / 2:
            await asyncio.sleep(min(BURST_EVERY - BURST_SECONDS, max(0, self._left() - 2 * BURST_SECONDS)))
            stop = loop.time() + BURST_SECONDS
            while loop.time() < stop:
                await asyncio.sleep(self._draw.expovariate(self._target.burst_rate))
                task = asyncio.create_task(self._ask("burst", self.well_formed()))
                running.add(task)
                task.add_done_callback(running.discard)
        await asyncio.gather(*running)

    async def vanishing(self) -> None:
        """Sends all or a part of a request, and goes."""
        connection, _ = await Pool(self._target.port).take()
        request = self.well_formed()
        whole = self._draw.random() < 0.7
        exchange = connection.send(request if whole else request[: self._draw.randrange(len(request))])
        exchange.done.add_done_callback(lambda done: done.exception())
        await asyncio.sleep(self._draw.uniform(0, 0.3))
        self._draw.choice((connection.abort, connection.reset))()
        self._tally.add("vanishing", "left")

    async def uploading(self) -> None:
        """A body in pieces, some of them too slow for the server's patience."""
        body = self._draw.choice(self._target.photographs)
        head = build_head(self._query(), len(body), {"Accept": ACCEPTS[0]})
        seconds = self._draw.uniform(0.2, 2 * BODY_TIMEOUT)
        reader, writer = await asyncio.open_connection("127.0.0.1", self._target.port)
        try:
            writer.write(head)
            for start in range(0, len(body), len(body) // 10):
                writer.write(body[start : start + len(body) // 10])
                await writer.drain()
                await asyncio.sleep(seconds / 10)
            self._tally.add("slow upload", await _status(reader))
        except ConnectionError:
            self._tally.add("slow upload", "closed")
        finally:
            writer.close()

    async def reading(self) -> None:
        """Accepts the answer in small pieces; every second client stops in the middle of it."""
        stop_after = self._draw.choice((None, 200_000))
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
        raw.setblocking(False)
        await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", self._target.port))
        reader, writer = await asyncio.open_connection(sock=raw, limit=SMALL_BUFFER)
        try:
            writer.write(self.well_formed())
            self._tally.add("slow reading", await _read_slowly(reader, stop_after))
        except ConnectionError:
            self._tally.add("slow reading", "closed")
        finally:
            writer.transport.abort()

    async def garbage(self) -> None:
        """Bodies that are no photographs."""
        whole = self._draw.choice(self._target.photographs)
        bodies = (b"", self._draw.randbytes(5000), whole[: len(whole) // 2], whole[:20] + bytes(2000))
        request = build_request(self._query(), self._draw.choice(bodies), {"Accept": ACCEPTS[0]})
        await self._ask("garbage", request)
        await asyncio.sleep(self._draw.uniform(0, 0.5))

    def well_formed(self) -> bytes:
        """A photograph with some budget, some representation, and half the time a deadline."""
        headers = {"Accept": self._draw.choice(ACCEPTS)}
        return build_request(self._query(), self._draw.choice(self._target.photographs), headers)

    def _query(self) -> str:
        parts = [f"budget={self._draw.choice(BUDGETS)}", f"size={self._draw.choice(('model', 'input'))}"]
        if self._target.deadlines and self._draw.random() < 0.5:
            parts.append(f"deadline_ms={self._draw.choice(self._target.deadlines):g}")
        return "/parse?" + "&".join(parts)

    async def _ask(self, actor: str, request: bytes) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                self._tally.add(actor, await self._exchange(request))
        except TimeoutError:
            self._tally.add(actor, "timeout")
        except BadAnswer:
            self._tally.add(actor, "unreadable")
        except ConnectionError:
            self._tally.add(actor, "closed")

    async def _exchange(self, request: bytes) -> int:
        connection, new = await self._pool.take()
        try:
            return await self._on(connection, request)
        except ConnectionError:
            if new:
                raise
            # Closed by the server while it was idle.
            return await self._on((await Pool(self._target.port).take())[0], request)

    async def _on(self, connection: Connection, request: bytes) -> int:
        exchange = connection.send(request)
        try:
            await exchange.done
        except BaseException:
            connection.abort()
            raise
        answer = exchange.parser.answer
        assert answer is not None
        if not answer.keeps_alive:
            connection.abort()
        self._pool.give_back(connection)
        return answer.status


async def _status(reader: asyncio.StreamReader) -> int | str:
    """Status of an answer that is read to its end."""
    parser = AnswerParser()
    while piece := await reader.read(1 << 16):
        if parser.feed(memoryview(piece)):
            break
    return parser.answer.status if parser.answer is not None else "closed"


async def _read_slowly(reader: asyncio.StreamReader, stop_after: int | None) -> int | str:
    """Status of an answer read at some MB/s, "left" if reading stops for longer than the server waits."""
    parser, received = AnswerParser(), 0
    while piece := await reader.read(SMALL_BUFFER):
        received += len(piece)
        if parser.feed(memoryview(piece)):
            assert parser.answer is not None
            return parser.answer.status
        if stop_after is not None and received > stop_after:
            await asyncio.sleep(2 * SEND_TIMEOUT)
            return "left"
        await asyncio.sleep(0.005)
    return "closed"
