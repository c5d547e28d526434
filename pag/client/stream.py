"""The stream for programs without asyncio: frames to a server, their answers back."""

from __future__ import annotations

import socket
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from typing import Self, Unpack

from websockets.exceptions import ConcurrencyError, ConnectionClosed, WebSocketException
from websockets.sync.client import ClientConnection, connect, unix_connect

from pag.client.calls import FrameOptions, checked
from pag.client.exchange import Attempt, Outcome, run
from pag.client.frame_queue import BlockingFrameQueue
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


class Stream(BaseStream[Iterable[Image], ClientConnection]):
    """Iterable of answers, in order; ends when all frames are sent and the last is answered.

    Leaving the loop closes the stream, as does `close`, or the end of a `with` block. An exception of the
    frames' iterable, which a thread iterates, is raised in the loop.
    """

    def __init__(self, frames: Iterable[Image], request: StreamRequest) -> None:
        super().__init__(frames, request)
        self._turns = threading.Semaphore(MAX_UNANSWERED)
        self._sending = threading.Lock()
        self._queue = BlockingFrameQueue[Snapshot](self._put_seconds)
        self._threads: list[threading.Thread] = []
        self._opened = ExitStack()

    def __iter__(self) -> Iterator[Frame]:
        self._check_open()
        try:
            while (frame := self._next()) is not None:
                yield frame
        finally:
            self.close()

    def change(self, **options: Unpack[FrameOptions]) -> None:
        """Change options from the next frame on; the loop raises Refused for what the server refuses."""
        self._check_process()
        if self._connection is None:
            self._options = {**self._options, **checked(options, FrameOptions)}
        else:
            with suppress(ConnectionClosed):
                self._connection.send(options_message(options))

    def close(self) -> None:
        """End the stream; frames under way are given up. In a forked process: nothing, it is its parent's."""
        if self._is_inherited:
            return
        self._closing = True
        self._turns.release()
        self._queue.abort()
        if self._connection is not None:
            self._close_connection(self._connection)
        # The caller may be about to close what the frames come from; a camera that gives none is left to it.
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(CLOSE_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _next(self) -> Frame | None:
        self._check_process()
        connection = self._connection or self._open()
        while not self._progress.finished:
            message = self._receive(connection)
            frame = None if message is None else self._read(message)
            if frame is not None:
                self._turns.release(1 + frame.dropped)
                return frame
        return None

    def _receive(self, connection: ClientConnection) -> str | bytes | None:
        try:
            return connection.recv(self._settings.policy.timeout)
        except TimeoutError:
            self._check_time()
        except ConnectionClosed as error:
            self._ended(error)
        return None

    def _open(self) -> ClientConnection:
        run(self._opening(), self._connect)
        assert self._connection is not None
        self._start("pag-frames", self._take_all)
        self._start("pag-sending", self._send_all, self._connection)
        return self._connection

    def _start(self, name: str, target: Callable[..., None], *arguments: object) -> None:
        self._threads.append(threading.Thread(target=target, args=arguments, name=name, daemon=True))
        self._threads[-1].start()

    def _connect(self, attempt: Attempt) -> Outcome:
        url, options = connect_arguments(self._settings, attempt)
        path = self._settings.address.socket
        try:
            connection = connect(url, **options) if path is None else unix_connect(path, url, **options)
            self._opened.enter_context(connection)
        except (OSError, WebSocketException) as error:
            return not_opened(error)
        assert connection.response is not None
        self._established(connection, connection.response.headers)
        return OPENED

    def _send_all(self, connection: ClientConnection) -> None:
        in_flight: deque[threading.Event] = deque()
        try:
            while (numbered := self._queue.take()) is not None:
                data = frame_bytes(numbered.frame)
                self._progress.sent(numbered.number, self._settings.now())
                in_flight.append(self._send(connection, data))
                if len(in_flight) == MAX_IN_FLIGHT:
                    in_flight.popleft().wait()
            if self._progress.end():
                connection.close()
        except ConnectionClosed:
            # The receiver learns of it too.
            return
        except BaseException as error:
            self._failure = error
            connection.close()

    def _send(self, connection: ClientConnection, data: bytes) -> threading.Event:
        """Send a frame; the event is set when it has arrived, or never will."""
        with self._sending:
            connection.send(data)
            # Its pong says that the server has the frame: an answer would come late, or to a newer one.
            return connection.ping(ack_on_close=True)

    def _take_all(self) -> None:
        try:
            for frame in self._in_turn():
                self._queue.put(snapshot(frame))
            self._queue.end()
        except BaseException as error:
            self._queue.abort(error)

    def _in_turn(self) -> Iterator[Image]:
        frames = iter(self._frames)
        while self._has_turn():
            try:
                frame = next(frames)
            except StopIteration:
                return
            if not self._closing:
                yield frame

    def _has_turn(self) -> bool:
        # First the turn, then the frame: it must not grow old while it waits.
        if self._every_frame:
            self._turns.acquire()
        return not self._closing

    def _close_connection(self, connection: ClientConnection) -> None:
        # A server that takes nothing blocks the sender, which holds the connection.
        if self._sending.acquire(timeout=CLOSE_SECONDS):
            self._sending.release()
        else:
            with suppress(OSError):
                connection.socket.shutdown(socket.SHUT_RDWR)
        closing = threading.Thread(target=self._opened.close)
        closing.start()
        # Unread answers stand before the server's closing frame.
        with suppress(ConnectionClosed, ConcurrencyError, TimeoutError):
            while True:
                connection.recv(CLOSE_SECONDS)
        closing.join()
