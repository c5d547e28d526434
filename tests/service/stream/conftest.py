"""A server whose network takes its time."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.support.servers import running_server
from tests.support.tiny_model import SMALL, write_model


@pytest.fixture(scope="session")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Client of the whole server, whose model takes about 40 ms."""
    root = tmp_path_factory.mktemp("slow")
    write_model(root, slow_nodes=40, slow_pixels=SMALL)
    with running_server(weights=root, max_wait_seconds=600, brownout=False) as client:
        yield client
