"""A service in a process of its own, for the benchmarks that talk HTTP."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx


@dataclass(frozen=True)
class RunningService:
    """Where it listens, its process, and how long it took to become ready."""

    url: str
    process_id: int
    seconds_to_ready: float

    def client(self) -> httpx.Client:
        """One connection to it; a long time-out, since budgets are not deadlines."""
        return httpx.Client(base_url=self.url, timeout=120)


def free_port() -> int:
    """A port that nobody listens on, for the moment."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running_service(weights: Path | None = None) -> Iterator[RunningService]:
    """Starts `python -m service` on a free port and waits until it is ready; stops it at the end."""
    port = free_port()
    variables = {**os.environ, "PAG_PORT": str(port), "PAG_LOG_LEVEL": "warning"}
    if weights is not None:
        variables["PAG_WEIGHTS"] = str(weights)
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "service"], env=variables)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_ready(url, process)
        yield RunningService(url, process.pid, time.perf_counter() - start)
    finally:
        process.terminate()
        process.wait()


def _wait_until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    with httpx.Client(base_url=url) as client:
        while process.poll() is None:
            with contextlib.suppress(httpx.TransportError):
                if client.get("/readyz").status_code == httpx.codes.OK:
                    return
            time.sleep(0.02)
    raise SystemExit("the service did not start; its message stands above")
