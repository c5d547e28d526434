"""How a stream ends: by its client, by what it sends or does not take, and that nothing is left of it."""

from __future__ import annotations

import gc
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from service.routes.stream_session import Session
from service.streaming.mailbox import Frame
from service.transport.stream_connections import StreamConnection
from tests.support.photographs import encoded, picture
from tests.support.servers import metric, running_server, until
from tests.support.streams import closed_with, handshake, open_stream, send_and_receive, send_until_computing

pytestmark = pytest.mark.slow

LARGE = encoded(picture(480, 640), "JPEG")
BINARY, PING = 0x82, 0x89


@pytest.fixture(scope="module")
def strict(weights: Path) -> Iterator[httpx.Client]:
    """A server of small messages and little patience."""
    with running_server(weights=weights, max_body_bytes=8192, body_timeout_seconds=0.5) as client:
        yield client


@pytest.fixture(scope="module")
def pinging(weights: Path) -> Iterator[httpx.Client]:
    """A server that asks often whether its peers are there, and waits two seconds for an answer."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("service.transport.server.PING_SECONDS", 0.2)
        with running_server(weights=weights, body_timeout_seconds=2) as client:
            yield client


def none_open(client: httpx.Client) -> None:
    until(lambda: metric(client, "pag_streams") == 0)


@pytest.mark.parametrize("text", ["hello", "[]", "0.5", "null", '"budget"', "[" * 4000, '{"budget": 0.5'])
def test_text_that_is_no_object_ends_it(client: httpx.Client, text: str) -> None:
    with open_stream(client) as stream:
        stream.send(text)
        assert closed_with(stream) == (1003, "A text message must be a JSON object of options.")


def test_text_that_is_none_ends_it(client: httpx.Client) -> None:
    with open_stream(client) as stream:
        stream.send(b'{"budget": "\xff"}', text=True)
        assert closed_with(stream)[0] == 1007


def test_options_without_end_end_it(client: httpx.Client) -> None:
    with open_stream(client) as stream:
        stream.send('{"maps": "' + "depth," * 1000 + '"}')
        assert closed_with(stream) == (1009, "Options take 4096 characters at most.")


@pytest.mark.parametrize("pieces", [False, True])
def test_a_frame_above_the_limit_ends_it(strict: httpx.Client, pieces: bool) -> None:
    with open_stream(strict) as stream:
        assert send_and_receive(stream).frame == 0
        # On a busy machine the refusal arrives while the last piece is still to be sent.
        with suppress(ConnectionClosed):
            stream.send([bytes(6000), bytes(6000)] if pieces else bytes(2_000_000))
        assert closed_with(stream)[0] == 1009
    none_open(strict)


def test_a_frame_that_does_not_end_ends_it(strict: httpx.Client) -> None:
    with open_stream(strict) as stream:
        stream.socket.sendall(struct.pack("!BBH", BINARY, 0x80 | 126, 2000) + bytes(100))
        assert closed_with(stream) == (1008, "A message did not arrive within 0.5 seconds.")
    none_open(strict)


def test_a_stream_may_be_silent(pinging: httpx.Client) -> None:
    with open_stream(pinging) as stream:
        time.sleep(3)
        assert send_and_receive(stream).frame == 0


def test_a_connection_that_was_used_before_may_become_one(strict: httpx.Client) -> None:
    with raw(strict) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = b""
        # Its head and its body may come apart.
        while not answer.endswith(b"}"):
            answer += connection.recv(4096)
        assert answer.startswith(b"HTTP/1.1 200")
        upgrade(connection)
        # The time for the next request's head, and more.
        time.sleep(1)
        connection.sendall(masked(PING, b"here"))
        assert connection.recv(6) == b"\x8a\x04here"


def test_a_peer_that_is_gone_is_noticed(pinging: httpx.Client) -> None:
    with raw(pinging) as connection:
        upgrade(connection)
        assert connection.recv(1)[0] == PING
        received = b""
        while part := connection.recv(100):
            received += part
        assert struct.pack("!H", 1011) in received
    none_open(pinging)


def test_who_takes_no_answers_loses_the_stream(weights: Path) -> None:
    with running_server(weights=weights, send_timeout_seconds=1) as client, raw(client, 4096) as connection:
        upgrade(connection)
        frame = masked(BINARY, LARGE)
        for _ in range(5):
            connection.sendall(frame)
        until(lambda: metric(client, 'pag_cancelled_total{stage="send"}') == 1)
        none_open(client)
        assert metric(client, "pag_inflight_requests") == 0
        # One was put into the buffer; of the others no answer was begun.
        assert metric(client, 'pag_stream_frames_total{outcome="answered"}') <= 1


@pytest.mark.parametrize("politely", [True, False])
def test_who_leaves_stops_the_compute(slow: httpx.Client, politely: bool) -> None:
    before, dropped = cancelled(slow), 'pag_stream_frames_total{outcome="dropped"}'
    while cancelled(slow) == before:
        # A frame may be done before its client has left.
        counted = metric(slow, dropped)
        with open_stream(slow) as stream:
            send_until_computing(slow, stream)
            leave(stream, politely)
        none_open(slow)
    assert metric(slow, "pag_inflight_requests") == 0
    assert metric(slow, dropped) > counted


def cancelled(client: httpx.Client) -> float:
    stages = ("queue", "decode", "inference", "encode")
    return sum(metric(client, f'pag_cancelled_total{{stage="{stage}"}}') for stage in stages)


def leave(stream: ClientConnection, politely: bool) -> None:
    if politely:
        stream.close()
    else:
        stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        stream.socket.shutdown(socket.SHUT_RDWR)
        stream.socket.close()


def test_nothing_is_left_of_streams_that_ended(client: httpx.Client) -> None:
    with open_stream(client) as stream:
        send_and_receive(stream, LARGE)
    before = metric(client, "process_resident_memory_bytes")
    for number in range(100):
        with open_stream(client) as stream:
            # Some leave before their answer.
            stream.send(LARGE) if number % 3 == 0 else send_and_receive(stream, LARGE)
    none_open(client)
    until(lambda: metric(client, "pag_inflight_requests") == 0)
    gc.collect()
    left = [kind for each in gc.get_objects() if (kind := type(each)) in (Session, Frame, StreamConnection)]
    assert left == []
    # Answers of 5 MB each; a guard alone, since the client's memory counts as well.
    assert metric(client, "process_resident_memory_bytes") - before < 150 * 2**20


def raw(client: httpx.Client, receive_buffer: int | None = None) -> socket.socket:
    """A connection that does nothing by itself."""
    connection = socket.socket()
    if receive_buffer is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.connect((client.base_url.host, client.base_url.port))
    return connection


def upgrade(connection: socket.socket) -> None:
    headers = "".join(f"{name}: {value}\r\n" for name, value in handshake().items())
    connection.sendall(f"GET /stream HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n".encode())
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += connection.recv(1)
    assert head.startswith(b"HTTP/1.1 101")


def masked(kind: int, data: bytes) -> bytes:
    """One frame of the protocol, under a mask of zeros."""
    size = len(data)
    length = struct.pack("!B", 0x80 | size) if size < 126 else struct.pack("!BQ", 0xFF, size)
    return bytes([kind]) + length + bytes(4) + data
