"""Clients of the real service, and foreign servers that answer what no pag-parse would."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pag import Client
from tests.service.conftest import GUARD_SECONDS, Serve, _logs, encoded, picture, serve, weights
from tests.service.tiny_model import write_model

__all__ = ["_logs", "serve", "weights"]

PIXELS = picture(96, 128)
PHOTO = encoded(PIXELS)
Answering = Callable[[BaseHTTPRequestHandler], None]


@pytest.fixture(scope="session")
def url(serve: Serve) -> Iterator[str]:
    """Address of a service with default settings."""
    with serve() as client:
        yield str(client.base_url)


@pytest.fixture(scope="session")
def client(url: str) -> Iterator[Client]:
    """A client of it."""
    with Client(url, timeout=GUARD_SECONDS) as client:
        yield client


@pytest.fixture(scope="session")
def slow(tmp_path_factory: pytest.TempPathFactory, serve: Serve) -> Iterator[str]:
    """A service that takes some tens of milliseconds for each photograph and holds few at a time."""
    root = tmp_path_factory.mktemp("slow")
    write_model(root, slow_nodes=40)
    with serve(weights=root, brownout=False, max_pending=2) as http:
        yield str(http.base_url)


@pytest.fixture(scope="session")
def strict(serve: Serve) -> Iterator[str]:
    """A service that needs the key "sesame" and takes one stream and small bodies alone."""
    with serve(api_keys="open,sesame", max_streams=1, max_body_bytes=100_000) as http:
        yield str(http.base_url)


@pytest.fixture
def photo_file(tmp_path: Path) -> Path:
    """A photograph on disk."""
    path = tmp_path / "photo.png"
    path.write_bytes(PHOTO)
    return path


@contextmanager
def foreign(answer: Answering) -> Iterator[tuple[str, list[str]]]:
    """A server of another program that answers by `answer`; its address, and the requested paths."""
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            return

        def do_GET(self) -> None:
            paths.append(self.path)
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer(self)

        do_POST = do_GET  # noqa: N815

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", paths
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def says(status: int, body: bytes, length: int | None = None, **headers: str) -> Answering:
    """Answers with these; a `length` that is not the body's cuts the answer short."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"Content-Length": str(length or len(body)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)
        handler.close_connection = length is not None

    return answer
