"""Floods of tiny pieces against a server: `python -m tests.support.flooding KIND PORT SECONDS`.

A process of its own, so that the one that measures is not slowed down. Who is cut off connects again.
"""

from __future__ import annotations

import base64
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

BLOCK_BYTES = 2**20
UPGRADE = (
    b"GET /stream HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n"
)
CHUNKED = b"POST %s HTTP/1.1\r\nHost: %s\r\nTransfer-Encoding: chunked\r\n\r\n"
MASK = b"\0\0\0\0"
UNKNOWN = b"{%s}" % b",".join(b'"%x":0' % number for number in range(400))
LISTS = b'{"inputs":[' + b"[]," * 1_000_000 + b"[]]}"
INFER = b"POST /v2/models/tiny/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(LISTS)
MANY = b"POST /parse?%s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
# What is sent first, what is sent over and over then, and on how many connections.
FLOODS: dict[str, tuple[bytes, bytes, int]] = {
    "pings": (UPGRADE, b"\x89\x80" + MASK, 1),
    "pongs": (UPGRADE, b"\x8a\x80" + MASK, 1),
    "fragments": (UPGRADE + b"\x02\x80" + MASK, b"\x00\x80" + MASK, 1),
    "messages": (UPGRADE, b"\x81\x82" + MASK + b"{}", 1),
    "options": (UPGRADE, b"\x81\xfe%s%s%s" % (struct.pack(">H", len(UNKNOWN)), MASK, UNKNOWN), 16),
    "chunks": (CHUNKED, b"1\r\nx\r\n", 8),
    "unwanted chunks": (CHUNKED, b"1\r\nx\r\n", 8),
    "pipelined requests": (b"", b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n", 8),
    "parameters": (b"", MANY % b"&".join(b"%x=1" % number for number in range(9000)), 16),
    "lists": (b"", INFER + LISTS, 8),
    "trailers": (CHUNKED + b"0\r\n", b"a:\r\n", 8),
    "chunk extensions": (CHUNKED, b"1;a=b\r\nx\r\n", 8),
}


@contextmanager
def flood(kind: str, port: int, seconds: float) -> Iterator[None]:
    """Flood the server at `port` for the time of the context, `seconds` at most."""
    command = [sys.executable, "-m", "tests.support.flooding", kind, str(port), str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield
        finally:
            process.kill()


def _send(kind: str, port: int, end: float) -> None:
    opening, piece, _ = FLOODS[kind]
    block = piece * max(1, BLOCK_BYTES // len(piece))
    while time.monotonic() < end:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)) as connection:
            connection.settimeout(1)
            connection.sendall(_filled(kind, opening, port))
            if opening.startswith(b"GET"):
                connection.recv(4096)
            while time.monotonic() < end:
                connection.sendall(block)


def _filled(kind: str, opening: bytes, port: int) -> bytes:
    host = b"127.0.0.1:%d" % port
    if opening.startswith(CHUNKED):
        path = b"/nowhere" if kind == "unwanted chunks" else b"/parse"
        return CHUNKED % (path, host) + opening.removeprefix(CHUNKED)
    if opening.startswith(UPGRADE):
        return UPGRADE % (host, base64.b64encode(os.urandom(16))) + opening.removeprefix(UPGRADE)
    return opening


def main(kind: str, port: str, seconds: str) -> None:
    """Flood until the time is over."""
    end = time.monotonic() + float(seconds)
    arguments = (kind, int(port), end)
    threads = [threading.Thread(target=_send, args=arguments) for _ in range(FLOODS[kind][2])]
    for thread in threads:
        thread.start()
    print("flooding", flush=True)
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(*sys.argv[1:])
