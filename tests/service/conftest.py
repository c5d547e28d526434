"""Clients of services with default settings."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.support.servers import PATIENT, Serve, Shared
from tests.support.tiny_model import SMALL, write_model


@pytest.fixture(scope="session")
def client(default_server: httpx.Client) -> httpx.Client:
    """Client of a server with default settings."""
    return default_server


@pytest.fixture(scope="session")
def single(tmp_path_factory: pytest.TempPathFactory, serve: Serve) -> Iterator[httpx.Client]:
    """Client of a server whose network takes about 0.2 s and that holds one request at a time."""
    root = tmp_path_factory.mktemp("single")
    write_model(root, slow_nodes=150, slow_pixels=SMALL)
    with serve(weights=root, max_pending=1, threads=1, **PATIENT) as client:
        yield client


@pytest.fixture(scope="session")
def narrow(shared_server: Shared) -> httpx.Client:
    """Client of a server that takes small bodies and small photographs alone."""
    return shared_server(max_body_bytes=20_000, max_pixels=10_000)


@pytest.fixture(scope="session")
def impatient(shared_server: Shared) -> httpx.Client:
    """Client of a server that gives a body up after a fifth of a second."""
    return shared_server(body_timeout_seconds=0.2)
