"""The stream for programs with asyncio: frames to a server, their answers back."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Self, TypeVar, Unpack, cast

from websockets.asyncio.client import ClientConnection, connect, unix_connect
from websockets.exceptions import ConcurrencyError, ConnectionClosed, WebSocketException

from pag.client.calls import FrameOptions, checked
from pag.client.exchange import Attempt, Outcome, run_async
from pag.client.frame_queue import AsyncFrameQueue
from pag.client.images import Image, Snapshot, frame_bytes, snapshot
from pag.client.results import Frame
from pag.client.stream_core import (
    CLOSE_SECONDS,
    MAX_IN_FLIGHT,
    MAX_UNANSWERED,
    OPENED,
    BaseStream,
    StreamRequest,
    connect_arguments,
    not_opened,
    options_message,
)

F = TypeVar("F")
T = TypeVar("T")
END = object()
Frames = Iterable[Image] | AsyncIterable[Image]


class AsyncStream(BaseStream[Frames, ClientConnection]):
    """Async iterable of answers, in order; ends when all frames are sent and the last is answered.

    `aclose`, or the end of an `async with` block, closes the stream at once; a loop that is left early, soon
    after. An exception of the frames' iterable is raised in the loop. A plain iterable is iterated in
    threads, so that it may block.
    """

    def __init__(self, frames: Frames, request: StreamRequest) -> None:
        super().__init__(frames, request)
        self._turns = asyncio.Semaphore(MAX_UNANSWERED)
        self._queue = AsyncFrameQueue[Snapshot](self._put_seconds)
        self._tasks: list[asyncio.Task[None]] = []

    async def __aiter__(self) -> AsyncIterator[Frame]:
        self._check_open()
        try:
            while (frame := await self._next()) is not None:
                yield frame
        finally:
            await self.aclose()

    async def change(self, **options: Unpack[FrameOptions]) -> None:
        """Change options from the next frame on; the loop raises Refused for what the server refuses."""
        self._check_process()
        if self._connection is None:
            self._options = {**self._options, **checked(options, FrameOptions)}
        else:
            with suppress(ConnectionClosed):
                await self._connection.send(options_message(options))

    async def aclose(self) -> None:
        """End the stream; frames under way are given up. In a forked process: nothing, it is its parent's."""
        if self._is_inherited:
            return
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
        self._check_process()
        connection = self._connection or await self._open()
        while not self._progress.finished:
            message = await self._receive(connection)
            frame = None if message is None else await self._read_in_thread(message)
            if frame is not None:
                for _ in range(1 + frame.dropped):
                    self._turns.release()
                return frame
        return None

    async def _read_in_thread(self, message: str | bytes) -> Frame | None:
        # Decoding maps takes many milliseconds, which would block the event loop.
        if isinstance(message, bytes):
            return await asyncio.to_thread(self._read, message)
        return self._read(message)

    async def _receive(self, connection: ClientConnection) -> str | bytes | None:
        try:
            async with asyncio.timeout(self._settings.policy.timeout):
                return await connection.recv()
        except TimeoutError:
            self._check_time()
        except ConnectionClosed as error:
            self._ended(error)
        return None

    async def _open(self) -> ClientConnection:
        await run_async(self._opening(), self._connect)
        assert self._connection is not None
        coroutines = (self._take_all(), self._send_all(self._connection))
        self._tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
        return self._connection

    async def _connect(self, attempt: Attempt) -> Outcome:
        url, options = connect_arguments(self._settings, attempt)
        path = self._settings.address.socket
        try:
            opening = connect(url, **options) if path is None else unix_connect(path, url, **options)
            connection = await opening
        except (OSError, WebSocketException) as error:
            return not_opened(error)
        assert connection.response is not None
        self._established(connection, connection.response.headers)
        return OPENED

    async def _send_all(self, connection: ClientConnection) -> None:
        in_flight: deque[Awaitable[float]] = deque()
        try:
            while (numbered := await self._queue.take()) is not None:
                data = await _in_thread(frame_bytes, numbered.frame)
                self._progress.sent(numbered.number, self._settings.now())
                await connection.send(data)
                # Its pong says that the server has the frame: an answer would come late, or to a newer one.
                in_flight.append(await connection.ping())
                if len(in_flight) == MAX_IN_FLIGHT:
                    await in_flight.popleft()
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
                await self._queue.put(frame)
            await self._queue.end()
        except Exception as error:
            await self._queue.abort(error)

    async def _next_frame(self, frames: AsyncIterator[Image]) -> Snapshot | None:
        # First the turn, then the frame: it must not grow old while it waits.
        if self._every_frame:
            await self._turns.acquire()
        try:
            return await _in_thread(snapshot, await anext(frames))
        except StopAsyncIteration:
            return None


async def _in_thread(work: Callable[[F], T], frame: F) -> T | bytes:
    # Disks and encoders would block the event loop.
    return frame if isinstance(frame, bytes) else await asyncio.to_thread(work, frame)


async def _close(connection: ClientConnection) -> None:
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await asyncio.gather(connection.close(), _drain(connection))
    except TimeoutError:
        # A server that takes nothing takes no closing frame either.
        connection.transport.abort()


async def _drain(connection: ClientConnection) -> None:
    # Unread answers stand before the server's closing frame.
    with suppress(ConnectionClosed, ConcurrencyError):
        while True:
            await connection.recv()


def _asynchronous(frames: Frames) -> AsyncIterator[Image]:
    return aiter(frames) if isinstance(frames, AsyncIterable) else _Threaded(frames)


class _Threaded:
    """Iterates a plain iterable, each step in a thread."""

    def __init__(self, frames: Iterable[Image]) -> None:
        self._frames = iter(frames)

    def __aiter__(self) -> AsyncIterator[Image]:
        return self

    async def __anext__(self) -> Image:
        pending = asyncio.ensure_future(asyncio.to_thread(next, self._frames, END))
        try:
            frame = await asyncio.shield(pending)
        except asyncio.CancelledError:
            # The caller may be about to close what the frames come from.
            await asyncio.wait([pending], timeout=CLOSE_SECONDS)
            raise
        if frame is END:
            raise StopAsyncIteration
        return cast(Image, frame)
