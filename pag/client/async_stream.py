"""Frames to a server and their answers back, for programs with asyncio."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Self, TypeVar, Unpack, cast

from websockets.asyncio.client import ClientConnection, connect, unix_connect
from websockets.exceptions import ConcurrencyError, ConnectionClosed, WebSocketException

from pag.client.connecting import CLOSE_SECONDS, OPENED, connect_arguments, not_opened
from pag.client.driving import run_async
from pag.client.exchange import Answer, Failure, Try
from pag.client.handover import AsyncHandover
from pag.client.images import HeldFrame, Image, frame_bytes, held
from pag.client.messages import changes
from pag.client.parsing import Frame
from pag.client.requests import FrameOptions, checked
from pag.client.streaming import MOST_ON_THE_WAY, MOST_UNANSWERED, BaseStream, Wanted

T = TypeVar("T")
END = object()
Frames = Iterable[Image] | AsyncIterable[Image]


class AsyncStream(BaseStream[Frames, ClientConnection]):
    """Async iterable of answers, in order; ends when all frames are sent and the last is answered.

    `aclose`, or the end of an `async with` block, closes the stream at once; a loop that is left early, soon
    after. An exception of the frames' iterable is raised in the loop. A plain iterable is asked in threads,
    so that it may block.
    """

    def __init__(self, frames: Frames, wanted: Wanted) -> None:
        super().__init__(frames, wanted)
        self._turns = asyncio.Semaphore(MOST_UNANSWERED)
        self._waiting = AsyncHandover[HeldFrame](self._patience)
        self._tasks: list[asyncio.Task[None]] = []

    async def __aiter__(self) -> AsyncIterator[Frame]:
        self._check_open()
        try:
            while (frame := await self._next()) is not None:
                yield frame
        finally:
            await self.aclose()

    async def change(self, **options: Unpack[FrameOptions]) -> None:
        """Ask for something else from the next frame on; what is wrong is raised in the loop, as Refused."""
        if self._connection is None:
            self._options = {**self._options, **checked(options, FrameOptions)}
        else:
            with suppress(ConnectionClosed):
                await self._connection.send(changes(options))

    async def aclose(self) -> None:
        """End the stream; frames under way are given up."""
        self._closing = True
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        if self._connection is not None:
            await _close(self._connection)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _next(self) -> Frame | None:
        connection = self._connection or await self._open()
        while not self._progress.finished:
            message = await self._receive(connection)
            frame = None if message is None else await self._read_apart(message)
            if frame is not None:
                for _ in range(1 + frame.dropped):
                    self._turns.release()
                return frame
        return None

    async def _read_apart(self, message: str | bytes) -> Frame | None:
        # To read maps takes many milliseconds: they would hold up the loop.
        if isinstance(message, bytes):
            return await asyncio.to_thread(self._read, message)
        return self._read(message)

    async def _receive(self, connection: ClientConnection) -> str | bytes | None:
        try:
            async with asyncio.timeout(self._settings.terms.timeout):
                return await connection.recv()
        except TimeoutError:
            self._check_time()
        except ConnectionClosed as error:
            self._ended(error)
        return None

    async def _open(self) -> ClientConnection:
        await run_async(self._opening(), self._connect)
        assert self._connection is not None
        works = (self._take_all(), self._send_all(self._connection))
        self._tasks = [asyncio.create_task(work) for work in works]
        return self._connection

    async def _connect(self, step: Try) -> Answer | Failure:
        url, options = connect_arguments(self._settings, step)
        path = self._settings.address.socket
        try:
            opening = connect(url, **options) if path is None else unix_connect(path, url, **options)
            self._connection = await opening
        except (OSError, WebSocketException) as error:
            return not_opened(error)
        return OPENED

    async def _send_all(self, connection: ClientConnection) -> None:
        on_the_way: deque[Awaitable[float]] = deque()
        try:
            while (given := await self._waiting.take()) is not None:
                data = await _apart(frame_bytes, given.frame)
                self._progress.sent(given.number, self._settings.now())
                await connection.send(data)
                # Its pong says that the server has the frame: an answer would come late, or to a newer one.
                on_the_way.append(await connection.ping())
                if len(on_the_way) == MOST_ON_THE_WAY:
                    await on_the_way.popleft()
            if self._progress.end():
                await connection.close()
        except ConnectionClosed:
            # The receiver learns of it too.
            return
        except Exception as error:
            self._failure = error
            await connection.close()

    async def _take_all(self) -> None:
        try:
            frames = _asynchronous(self._frames)
            while (frame := await self._next_frame(frames)) is not None:
                await self._waiting.put(frame)
            await self._waiting.end()
        except Exception as error:
            await self._waiting.give_up(error)

    async def _next_frame(self, frames: AsyncIterator[Image]) -> HeldFrame | None:
        # First the turn, then the frame: it is not to grow old while it waits.
        if self._every_frame:
            await self._turns.acquire()
        try:
            return await _apart(held, await anext(frames))
        except StopAsyncIteration:
            return None


async def _apart(work: Callable[[Image], T], frame: Image) -> T | bytes:
    # Disks and encoders would hold up the loop.
    return frame if isinstance(frame, bytes) else await asyncio.to_thread(work, frame)


async def _close(connection: ClientConnection) -> None:
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await asyncio.gather(connection.close(), _drain(connection))
    except TimeoutError:
        # A server that takes nothing takes no goodbye either.
        connection.transport.abort()


async def _drain(connection: ClientConnection) -> None:
    # Answers that nobody took stand before the server's goodbye.
    with suppress(ConnectionClosed, ConcurrencyError):
        while True:
            await connection.recv()


def _asynchronous(frames: Frames) -> AsyncIterator[Image]:
    return aiter(frames) if isinstance(frames, AsyncIterable) else _Threaded(frames)


class _Threaded:
    """Asks a plain iterator for each next frame in a thread."""

    def __init__(self, frames: Iterable[Image]) -> None:
        self._frames = iter(frames)

    def __aiter__(self) -> AsyncIterator[Image]:
        return self

    async def __anext__(self) -> Image:
        asked = asyncio.ensure_future(asyncio.to_thread(next, self._frames, END))
        try:
            frame = await asyncio.shield(asked)
        except asyncio.CancelledError:
            # The caller may be about to close what the frames come from.
            await asyncio.wait([asked], timeout=CLOSE_SECONDS)
            raise
        if frame is END:
            raise StopAsyncIteration
        return cast(Image, frame)
