"""What tests of several folders use: models, servers over them, and the marks of what takes long."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import hypothesis
import pytest

from service.settings import Settings
from service.telemetry.logs import configure_logging
from tests.support.servers import PATIENT, Serve, Shared, running_server
from tests.support.tiny_model import write_model

# Read once per process, by the first kernel; tests of bfloat16 start a process of their own.
os.environ.setdefault("PERFORATED_CONV_PRECISION", "f32")
# The machine may be busy with other work: time limits per example would say nothing.
hypothesis.settings.register_profile("busy", deadline=None, max_examples=50)
# For a second run of the same properties, at another level or precision.
hypothesis.settings.register_profile("again", deadline=None, max_examples=15)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "busy"))

ROOT = Path(__file__).parents[1]
SHIPPED = "efficientnet_lite0-nyuv2"
# Files of more than 20 seconds, the longest first.
LONG = (
    "docs/test_guide.py",
    "page/test_problems.py",
    "service/hostile/test_places.py",
    "contract/test_op_levels.py",
    "page/test_access.py",
    "contract/test_nothing_is_sent.py",
    "service/ops/test_connections.py",
    "service/test_load.py",
    "page/test_camera.py",
    "page/test_budget.py",
    "service/hostile/test_floods.py",
)
HEAVY = ("browser", "process", "slow")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what drives a browser by the fixture that it takes, and what runs the shipped network as slow."""
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        if "browser" in fixtures:
            item.add_marker(pytest.mark.browser)
        if "shipped_server" in fixtures:
            item.add_marker(pytest.mark.slow)
    # Workers take files in this order: those that take long must not be the last ones of a run.
    ranks = {ROOT / "tests" / name: rank for rank, name in enumerate(LONG)}
    heavy = {item.path for item in items if any(item.iter_markers(mark) for mark in HEAVY)}
    items.sort(key=lambda item: (ranks.get(item.path, len(LONG)), item.path not in heavy, item.path))


@pytest.fixture(scope="session", autouse=True)
def _logs() -> None:
    configure_logging(Settings(log_level="warning"))


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights folder with one model, `tiny`."""
    root = tmp_path_factory.mktemp("weights")
    write_model(root)
    return root


@pytest.fixture(scope="session")
def serve(weights: Path) -> Serve:
    """Start a server of one's own over `weights` with further settings, for as long as a context lasts."""
    return lambda **settings: running_server(**({"weights": weights} | settings))


@pytest.fixture(scope="session")
def shared_server(weights: Path) -> Iterator[Shared]:
    """Client of a server over `weights` with these settings, started once for all who name the same ones."""
    started: dict[str, httpx.Client] = {}
    with ExitStack() as stack:

        def client(**settings: object) -> httpx.Client:
            key = repr(sorted(settings.items()))
            if key not in started:
                started[key] = stack.enter_context(running_server(**({"weights": weights} | settings)))
            return started[key]

        yield client


@pytest.fixture(scope="session")
def default_server(shared_server: Shared) -> httpx.Client:
    """Client of a server with default settings."""
    return shared_server()


@pytest.fixture(scope="session")
def shipped_server(shared_server: Shared) -> httpx.Client:
    """Client of a server with the network that comes with the service, which lowers no budget.

    One thread: a second one spins while it waits for a core that other tests keep busy.
    """
    if not (ROOT / "weights" / SHIPPED).is_dir():
        pytest.skip(f"needs {SHIPPED} in weights/")
    return shared_server(weights=ROOT / "weights", threads=1, **PATIENT)
