"""How streams end that a server ends, breaks or leaves, its own or another program's."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection
from websockets.sync.server import serve as serve_websocket

from pag import (
    BadAnswer,
    StreamClosed,
    TimedOut,
)
from tests.support.client_streams import Collect, collect_async, collect_sync
from tests.support.foreign_servers import answer_with, foreign_server
from tests.support.photographs import LANDSCAPE
from tests.support.servers import GUARD_SECONDS, Process

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_threads_left")]


@pytest.mark.process
def test_the_service_says_why_it_ends_the_streams_of_both_clients(weights: Path) -> None:
    codes = []
    with Process(PAG_WEIGHTS=str(weights), PAG_MAX_BODY_BYTES="100000") as process:
        for each in (collect_sync, collect_async):
            with pytest.raises(StreamClosed, match="PAG_MAX_BODY_BYTES") as too_large:
                each(process.url, [LANDSCAPE, bytes(200_000)], every_frame=True)
            assert too_large.value.code == 1009

        streaming = threading.Barrier(2)

        def camera() -> Iterator[bytes]:
            for number in itertools.count():
                yield LANDSCAPE
                if number == 3:
                    streaming.wait(GUARD_SECONDS)
                    process.stop()

        def follow(collect: Collect) -> None:
            with pytest.raises(StreamClosed, match="it is stopping") as closed:
                collect(process.url, camera(), every_frame=True)
            codes.append(closed.value.code)

        threads = [threading.Thread(target=follow, args=[each]) for each in (collect_sync, collect_async)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert codes == [1001, 1001]


@contextmanager
def other_server(handle: Callable[[ServerConnection], None]) -> Iterator[str]:
    """A WebSocket server that is none of this service's, and reads hardly more than `handle` takes."""
    options: dict[str, Any] = {"max_size": None, "max_queue": 1, "close_timeout": 0.5}
    with serve_websocket(handle, "127.0.0.1", 0, **options) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("code", "words"),
    [(1001, "it is stopping"), (1009, "PAG_MAX_BODY_BYTES"), (1008, "too long"), (1011, "does not say why")],
)
def test_a_server_that_ends_a_stream_says_why(code: int, words: str, collect: Collect) -> None:
    def handle(connection: ServerConnection) -> None:
        connection.recv()
        connection.close(code)

    with other_server(handle) as url, pytest.raises(StreamClosed, match=words) as closed:
        collect(url, [LANDSCAPE] * 3, every_frame=True)
    assert closed.value.code == code


def test_a_stream_goes_to_no_other_host(collect: Collect) -> None:
    received: list[object] = []

    def handle(connection: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            received.append(connection.recv())

    with other_server(handle) as elsewhere:
        moved = answer_with(307, b"", Location=elsewhere.replace("http", "ws") + "/stream")
        with foreign_server(moved) as (url, _), pytest.raises(BadAnswer, match="sends streams on to"):
            collect(url, [LANDSCAPE])
    assert received == []


def test_a_connection_that_breaks_is_an_error(collect: Collect) -> None:
    def handle(connection: ServerConnection) -> None:
        connection.recv()
        connection.socket.close()

    with other_server(handle) as url, pytest.raises(StreamClosed, match="the connection broke") as closed:
        collect(url, [LANDSCAPE] * 3, every_frame=True)
    assert closed.value.code == 1006


def test_a_server_that_owes_an_answer_is_not_waited_for_longer_than_the_timeout(collect: Collect) -> None:
    def handle(connection: ServerConnection) -> None:
        try:
            while True:
                connection.recv()
        except ConnectionClosed:
            return

    with other_server(handle) as url, pytest.raises(TimedOut, match="No answer to a frame"):
        collect(url, [LANDSCAPE], settings={"timeout": 0.3})


# Small frames wait for word that they arrived; a large one does not even leave.
@pytest.mark.parametrize("size", [2**10, 2**24])
def test_a_server_that_takes_nothing_does_not_hold_the_caller_up(size: int, collect: Collect) -> None:
    over = threading.Event()

    def handle(connection: ServerConnection) -> None:
        over.wait(GUARD_SECONDS)

    with other_server(handle) as url:
        with pytest.raises(TimedOut, match="No answer to a frame"):
            collect(url, itertools.repeat(bytes(size)), settings={"timeout": 0.2})
        over.set()


@pytest.mark.parametrize(
    "said",
    [
        b"maps",
        "no JSON",
        "[]",
        '{"frame": 0, "dropped": 0}',
        '{"frame": 1, "dropped": 0, "problem": {"status": 415}}',
        '{"frame": -1, "dropped": 0, "problem": {"status": 415}}',
        '{"problem": 3}',
    ],
)
def test_what_no_pag_parse_would_say_ends_a_stream(said: str | bytes, collect: Collect) -> None:
    def handle(connection: ServerConnection) -> None:
        connection.recv()
        connection.send(said)
        connection.send(said if isinstance(said, bytes) else b"maps")
        try:
            connection.recv()
        except ConnectionClosed:
            return

    with other_server(handle) as url, pytest.raises(BadAnswer):
        collect(url, [LANDSCAPE])
