"""Real sockets that send no head, half a head or a head without end, or that take no answer."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from service.transport.connections import MAX_HEAD_BYTES
from tests.support.photographs import encoded, picture
from tests.support.servers import GUARD_SECONDS, running_server, until

pytestmark = pytest.mark.slow

LARGE, MIDDLING = encoded(picture(1200, 1600), "JPEG"), encoded(picture(480, 640), "JPEG")


@pytest.fixture(scope="module")
def impatient(weights: Path) -> Iterator[httpx.Client]:
    """A server that waits half a second for a head or a body, one second for a client to read."""
    with running_server(weights=weights, body_timeout_seconds=0.5, send_timeout_seconds=1) as client:
        yield client


def connect(client: httpx.Client, receive_buffer: int | None = None) -> socket.socket:
    connection = socket.socket()
    connection.settimeout(GUARD_SECONDS)
    if receive_buffer is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.connect((client.base_url.host, client.base_url.port))
    return connection


def read_all(connection: socket.socket, pause: float = 0) -> bytes:
    received = b""
    try:
        while part := connection.recv(16384):
            received += part
            time.sleep(pause)
    except ConnectionError:
        pass
    return received


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"", b""),
        (b"POST /parse HT", b"HTTP/1.1 408 "),
        (b"POST /parse HTTP/1.1\r\nHost: localhost\r\nX-A: ", b"HTTP/1.1 408 "),
    ],
)
def test_a_head_that_does_not_come_ends_the_connection(
    impatient: httpx.Client, sent: bytes, answer: bytes
) -> None:
    with connect(impatient) as connection:
        connection.sendall(sent)
        received = read_all(connection)
    assert received.startswith(answer)
    assert bool(received) == bool(answer)


def test_dripping_does_not_help(impatient: httpx.Client) -> None:
    with connect(impatient) as connection:
        connection.settimeout(0.05)
        received = b""
        for byte in b"GET /livez HTTP/1.1\r\nX-Slow: " + b"a" * 10_000:
            try:
                connection.sendall(bytes([byte]))
                received = connection.recv(100)
                break
            except TimeoutError:
                continue
            except ConnectionError:
                break
        assert received.startswith(b"HTTP/1.1 408 ") or received == b""


def test_a_head_without_end_is_refused(impatient: httpx.Client) -> None:
    with connect(impatient) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\n")
        try:
            for _ in range(64):
                connection.sendall(b"X-Long: " + b"a" * (MAX_HEAD_BYTES // 16) + b"\r\n")
        except ConnectionError:
            return
        assert read_all(connection)[:13] in (b"HTTP/1.1 431 ", b"")


def test_large_heads_within_the_limit_are_read(impatient: httpx.Client) -> None:
    assert impatient.get("/livez", headers={"X-Long": "a" * (MAX_HEAD_BYTES // 2)}).status_code == 200


def test_a_body_that_nobody_wants_does_not_hold_the_connection(impatient: httpx.Client) -> None:
    with connect(impatient) as connection:
        connection.sendall(b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 404 ")
        connection.settimeout(0.1)
        ended = False
        while not ended:
            try:
                connection.sendall(b"x")
                ended = connection.recv(4096) == b""
            except TimeoutError:
                continue
            except ConnectionError:
                ended = True


def test_pauses_between_requests_are_not_held_against_a_client(impatient: httpx.Client) -> None:
    with connect(impatient) as connection:
        for _ in range(3):
            connection.settimeout(GUARD_SECONDS)
            connection.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer = b""
            # The head may come before the body.
            while not answer.endswith(b"}"):
                answer += connection.recv(4096)
            assert answer.startswith(b"HTTP/1.1 200 ")
            with pytest.raises(TimeoutError):
                connection.settimeout(1.5)
                connection.recv(1)


@pytest.mark.parametrize("then", ["close", "keep-alive"])
def test_who_takes_no_answer_loses_the_connection(impatient: httpx.Client, then: str) -> None:
    before = dropped(impatient)
    with connect(impatient, receive_buffer=4096) as connection:
        ask(connection, LARGE, then)
        until(lambda: dropped(impatient) == before + 1)
        received = read_all(connection)
    body, length = body_and_length(received)
    assert len(body) < length


def test_a_slow_but_steady_reader_is_served(impatient: httpx.Client) -> None:
    before = dropped(impatient)
    with connect(impatient, receive_buffer=16384) as connection:
        ask(connection, MIDDLING, "close")
        # Less than the system's buffer of an answer within the time: what counts is that it goes on.
        received = read_all(connection, pause=0.02)
    body, length = body_and_length(received)
    assert len(body) == length
    assert dropped(impatient) == before


def ask(connection: socket.socket, photograph: bytes, then: str) -> None:
    head = (
        "POST /parse HTTP/1.1\r\nHost: localhost\r\nAccept: application/x-npz\r\n"
        f"Connection: {then}\r\nContent-Length: {len(photograph)}\r\n\r\n"
    )
    connection.sendall(head.encode() + photograph)


def body_and_length(received: bytes) -> tuple[bytes, int]:
    top, _, body = received.partition(b"\r\n\r\n")
    assert top.startswith(b"HTTP/1.1 200 ")
    (length,) = [line for line in top.split(b"\r\n") if line.startswith(b"content-length:")]
    return body, int(length.split(b":")[1])


def dropped(client: httpx.Client) -> float:
    lines = client.get("/metrics").text.splitlines()
    return sum(
        float(line.split()[-1]) for line in lines if line.startswith('pag_cancelled_total{stage="send"}')
    )
