"""The service as a process of its own, which may be killed."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.service.conftest import GUARD_SECONDS
from tests.service.test_server import until


class Service:
    """A running service and what it says."""

    def __init__(self, process: subprocess.Popen[bytes], client: httpx.Client, log: Path) -> None:
        self.process = process
        self.client = client
        self._log = log

    def is_ready(self) -> bool:
        """Whether it accepts work."""
        try:
            return self.client.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def versions(self) -> dict[str, str]:
        """Version of each model that serves."""
        return {each["name"]: each["version"] for each in self.client.get("/models").json()["models"]}

    def events(self, name: str) -> list[dict[str, Any]]:
        """Lines of the log with this event."""
        # ONNX Runtime writes lines of its own between them.
        whole = [line for line in self._log.read_text().split("\n")[:-1] if line.startswith("{")]
        return [line for line in map(json.loads, whole) if line["event"] == name]

    def reloads(self, outcome: str) -> float:
        """Count of this outcome in the metrics."""
        return reloads(self.client, outcome)

    def until(self, happened: Callable[[], bool]) -> None:
        """Wait, but not for a process that ended."""

        def checked() -> bool:
            assert self.process.poll() is None, self._log.read_text()
            return happened()

        until(checked)


@contextmanager
def service(weights: Path, log: Path, **environment: str) -> Iterator[Service]:
    """A ready service over `weights` that looks for changes ten times a second; killed at the end."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    variables = {
        "PAG_WEIGHTS": str(weights),
        "PAG_PORT": str(port),
        "PAG_RELOAD_SECONDS": "0.1",
        "PYTHONPATH": os.pathsep.join([str(Path.cwd()), *sys.path]),
    }
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "service"],
            env={"PATH": os.environ["PATH"], **variables, **environment},
            stderr=stream,
        )
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=GUARD_SECONDS) as client:
        running = Service(process, client, log)
        try:
            running.until(running.is_ready)
            yield running
        finally:
            process.kill()
            process.wait()


def reloads(client: httpx.Client, outcome: str) -> float:
    """Count of this outcome in the metrics of any application."""
    wanted = f'pag_reloads_total{{outcome="{outcome}"}} '
    lines = client.get("/metrics").text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(wanted))
