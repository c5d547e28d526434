"""A line to a server on which little passes and little waits: what is too much stays with the sender."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import httpx

PIECE_BYTES = 4096
SECONDS_TO_STOP = 10


@contextmanager
def slow_line(url: str, bytes_per_second: float) -> Iterator[str]:
    """The address at which one connection to `url` may be had; the way back is as fast as ever."""
    server = httpx.URL(url)
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, PIECE_BYTES)
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)

        def relay() -> None:
            with listener.accept()[0] as near, socket.create_connection((server.host, server.port)) as far:
                back = threading.Thread(target=_pass_on, args=(far, near, None))
                back.start()
                _pass_on(near, far, bytes_per_second)
                back.join()

        relaying = threading.Thread(target=relay)
        relaying.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        relaying.join(SECONDS_TO_STOP)
        assert not relaying.is_alive()


def _pass_on(source: socket.socket, sink: socket.socket, bytes_per_second: float | None) -> None:
    with suppress(OSError):
        while piece := source.recv(PIECE_BYTES):
            sink.sendall(piece)
            if bytes_per_second is not None:
                time.sleep(len(piece) / bytes_per_second)
        sink.shutdown(socket.SHUT_WR)
