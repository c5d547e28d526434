"""Clients of the real service, and foreign servers that answer what no pag-parse would."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from pag import Client
from tests.support.client_streams import Collect, collect_async, collect_sync
from tests.support.photographs import LANDSCAPE
from tests.support.servers import GUARD_SECONDS, Serve, until
from tests.support.tiny_model import SMALL, write_model


@pytest.fixture(scope="session")
def url(default_server: httpx.Client) -> str:
    """Address of a service with default settings."""
    return str(default_server.base_url)


@pytest.fixture(scope="session")
def client(url: str) -> Iterator[Client]:
    """A client of it."""
    with Client(url, timeout=GUARD_SECONDS) as client:
        yield client


@pytest.fixture(scope="session")
def slow(tmp_path_factory: pytest.TempPathFactory, serve: Serve) -> Iterator[str]:
    """A service that takes some tens of milliseconds for each photograph and holds few at a time."""
    root = tmp_path_factory.mktemp("slow")
    write_model(root, slow_nodes=40, slow_pixels=SMALL)
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
    path.write_bytes(LANDSCAPE)
    return path


@pytest.fixture(params=[collect_sync, collect_async], ids=["sync", "async"])
def collect(request: pytest.FixtureRequest) -> Collect:
    """A stream's answers, by either client."""
    function: Collect = request.param
    return function


@pytest.fixture
def no_threads_left() -> Iterator[None]:
    yield
    until(lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("pag-")])
