"""Raw connections that ask for much and take little: slow readers, half-sent requests, silent streams."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress

from tests.support.servers import GUARD_SECONDS

HOST = b"Host: 127.0.0.1\r\n"


def connect(port: int, *, address: str = "127.0.0.1", receive_buffer: int | None = None) -> socket.socket:
    """A connection to the server at `port` that comes from `address`."""
    connection = socket.socket()
    connection.settimeout(GUARD_SECONDS)
    if receive_buffer is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.bind((address, 0))
    connection.connect(("127.0.0.1", port))
    return connection


def status(port: int, *, path: bytes = b"/livez", address: str = "127.0.0.1") -> int:
    """Status of a GET on a connection of its own; 0 if it is closed without an answer."""
    with suppress(ConnectionError), connect(port, address=address) as connection:
        connection.sendall(b"GET %s HTTP/1.1\r\n%sConnection: close\r\n\r\n" % (path, HOST))
        answer = connection.recv(4096)
        return int(answer.split()[1]) if answer else 0
    return 0


class SlowReader(threading.Thread):
    """Posts a photograph for its npz and reads `rate` bytes of the answer a second, until it is cut off."""

    def __init__(self, port: int, photograph: bytes, rate: int, address: str = "127.0.0.1") -> None:
        super().__init__(daemon=True)
        self._connection = connect(port, address=address, receive_buffer=4096)
        self._photograph = photograph
        self._rate = rate
        self.status = 0
        self.start()

    def run(self) -> None:
        """Ask, then read a little ten times a second."""
        head = b"POST /parse HTTP/1.1\r\n%sAccept: application/x-npz\r\nContent-Length: %d\r\n\r\n"
        with suppress(OSError):
            self._connection.sendall(head % (HOST, len(self._photograph)) + self._photograph)
            self.status = int(self._connection.recv(64).split()[1])
            while self._connection.recv(max(1, self._rate // 10)):
                time.sleep(0.1)
        self._connection.close()

    def leave(self) -> None:
        """Stop reading."""
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self.join()
