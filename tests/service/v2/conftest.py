"""Clients of the protocol over a real server, and helpers to say requests in its words."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
import tritonclient.http as triton

from tests.support.open_inference import triton_client
from tests.support.servers import Serve


@pytest.fixture(scope="session")
def client(serve: Serve) -> Iterator[httpx.Client]:
    """Client of an application that lowers no budget, however busy the machine is."""
    with serve(brownout=False, max_wait_seconds=600, max_images=4, max_pixels=400_000) as started:
        yield started


@pytest.fixture
def remote(client: httpx.Client) -> Iterator[triton.InferenceServerClient]:
    """Triton's own client of the same server."""
    with triton_client(client) as opened:
        yield opened
