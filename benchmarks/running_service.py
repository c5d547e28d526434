"""A service in a process of its own, for the benchmarks that talk HTTP."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

STARTING_SECONDS = 120.0
POLL_SECONDS = 0.02


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
        wait_until_ready(port, "/readyz", process)
        yield RunningService(f"http://127.0.0.1:{port}", process.pid, time.perf_counter() - start)
    finally:
        process.terminate()
        process.wait()


def wait_until_ready(port: int, path: str, process: subprocess.Popen[bytes]) -> None:
    """Returns when `path` is answered with 200; SystemExit if the process ends before."""
    end = time.monotonic() + STARTING_SECONDS
    while process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if get(port, path)[0] == http.HTTPStatus.OK:
                return
        time.sleep(POLL_SECONDS)
    raise SystemExit("the server did not start; its message stands above")


def get(port: int, path: str, timeout: float = 10.0) -> tuple[int, str]:
    """Status and body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()
