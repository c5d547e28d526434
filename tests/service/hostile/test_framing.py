"""Limits on heads, trailers and chunks hold however many reads they arrive in; ordinary framing is taken."""

from __future__ import annotations

import pytest

from service.transport.connections import MAX_HEAD_BYTES
from tests.support.attacking import HOST, connect
from tests.support.photographs import PHOTO, encoded, picture
from tests.support.servers import Process

pytestmark = pytest.mark.process

CHUNKED = b"POST /parse HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\nConnection: close\r\n"
LONG = b"a" * 2 * MAX_HEAD_BYTES
PHOTO_CHUNK = b"%x\r\n%s\r\n" % (len(PHOTO), PHOTO)
TOO_MUCH = {
    "head": b"GET /livez HTTP/1.1\r\n" + HOST + b"X-Long: " + LONG + b"\r\n\r\n",
    "many fields": b"GET /livez HTTP/1.1\r\n" + HOST + b"a:b\r\n" * 20_000 + b"\r\n",
    "target": b"GET /" + LONG + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "trailer": CHUNKED + b"\r\n" + PHOTO_CHUNK + b"0\r\nX-Long: " + LONG + b"\r\n\r\n",
    "chunk extension": CHUNKED + b"\r\n1;a=" + LONG + b"\r\nx\r\n0\r\n\r\n",
    "tiny chunks": CHUNKED + b"\r\n" + b"1\r\nx\r\n" * 20_000 + b"0\r\n\r\n",
}


def answer(server: Process, request: bytes, piece_bytes: int) -> bytes:
    """What comes back for a request that is sent in pieces; what was cut off may be lost to a reset."""
    received = b""
    with connect(server.port) as connection:
        try:
            for start in range(0, len(request), piece_bytes):
                connection.sendall(request[start : start + piece_bytes])
            while piece := connection.recv(65536):
                received += piece
        except ConnectionError:
            pass
    return received


@pytest.mark.parametrize("piece_bytes", [4096, 2**20])
@pytest.mark.parametrize("kind", TOO_MUCH)
def test_too_much_framing_is_cut_off(server: Process, kind: str, piece_bytes: int) -> None:
    received = answer(server, TOO_MUCH[kind], piece_bytes)
    assert received == b"" or received.split()[1] in (b"400", b"431"), received[:200]


@pytest.mark.parametrize(
    "request_bytes",
    [
        CHUNKED + b"\r\n" + PHOTO_CHUNK + b"0\r\nX-Trailer: short\r\n\r\n",
        CHUNKED + b"X-Long: " + LONG[: MAX_HEAD_BYTES // 2] + b"\r\n\r\n" + PHOTO_CHUNK + b"0\r\n\r\n",
        CHUNKED
        + b"\r\n"
        + b"".join(b"64\r\n%s\r\n" % PHOTO[at : at + 100] for at in range(0, len(PHOTO) // 100 * 100, 100))
        + b"%x\r\n%s\r\n0\r\n\r\n" % (len(PHOTO) % 100, PHOTO[len(PHOTO) // 100 * 100 :]),
    ],
    ids=["a trailer", "a long head", "chunks of 100 bytes"],
)
def test_ordinary_framing_is_read(server: Process, request_bytes: bytes) -> None:
    assert answer(server, request_bytes, 2**20).startswith(b"HTTP/1.1 200 ")


def test_requests_in_a_pipeline_are_answered_in_order_up_to_a_number(server: Process) -> None:
    one = b"GET /livez HTTP/1.1\r\n" + HOST
    few = (one + b"\r\n") * 9 + one + b"Connection: close\r\n\r\n"
    assert answer(server, few, 2**20).count(b"HTTP/1.1 200 ") == 10
    assert answer(server, (one + b"\r\n") * 5000, 2**20).count(b"HTTP/1.1 200 ") < 5000


def test_a_body_that_is_refused_is_not_read_to_its_end(server: Process) -> None:
    large = encoded(picture(1200, 1600), "PNG")
    head = b"POST /nowhere HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % (100 * len(large))
    received = answer(server, head + large, 2**20)
    assert received.startswith(b"HTTP/1.1 404 ")
