"""A real model folder, the real application around it, and photographs to send."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import hypothesis
import numpy as np
import pytest
import uvicorn
from numpy.typing import NDArray
from PIL import Image

from service.app import create_app
from service.settings import Settings
from service.telemetry.logs import configure_logging
from tests.service.tiny_model import write_model

# Only against hanging for ever: the machine may be very busy.
GUARD_SECONDS = 600
Serve = Callable[..., AbstractContextManager[httpx.Client]]


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights folder with one model, `tiny`."""
    root = tmp_path_factory.mktemp("weights")
    write_model(root)
    return root


@contextmanager
def serving(**knobs: Any) -> Iterator[httpx.Client]:
    """Client of an application with the settings `knobs`, on a real socket, warmed up."""
    with started(**knobs) as client:
        wait_until_ready(client)
        yield client


@contextmanager
def started(**knobs: Any) -> Iterator[httpx.Client]:
    """The same, but as soon as it listens."""
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(Settings(**knobs)), port=0, log_config=None, timeout_graceful_shutdown=GUARD_SECONDS
        )
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the application did not start"
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=GUARD_SECONDS) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()


def wait_until_ready(client: httpx.Client) -> None:
    """Return once /readyz answers 200."""
    deadline = time.monotonic() + GUARD_SECONDS
    while client.get("/readyz").status_code != 200:
        assert time.monotonic() < deadline, client.get("/readyz").text
        time.sleep(0.01)


@pytest.fixture(scope="session")
def serve(weights: Path) -> Serve:
    """Start an application over `weights` with further settings."""
    return lambda **knobs: serving(**({"weights": weights} | knobs))


@pytest.fixture(scope="session")
def client(serve: Serve) -> Iterator[httpx.Client]:
    """Client of an application with default settings."""
    with serve() as started:
        yield started


def picture(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    """Smooth picture uint8 [H,W,3] whose colours differ by place."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def encoded(pixels: NDArray[np.uint8] | Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """The picture as a file of format `kind`."""
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture(scope="session", autouse=True)
def _logs() -> None:
    configure_logging(Settings(log_level="warning"))


# The machine may be busy with other work: time limits per example would say nothing.
hypothesis.settings.register_profile("service", deadline=None, max_examples=50)
hypothesis.settings.load_profile("service")
