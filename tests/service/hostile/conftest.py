"""The real service in a process of its own, and what memory it has used."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import httpx
import pytest

from tests.service.conftest import GUARD_SECONDS, wait_until_ready


@dataclass(frozen=True)
class Server:
    """A running service with the model `tiny`."""

    process: subprocess.Popen[str]
    port: int
    client: httpx.Client

    def memory(self, field: str) -> int:
        """Bytes of `field` of the process's status: VmRSS now, VmHWM at most so far."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        (line,) = [line for line in status.splitlines() if line.startswith(field + ":")]
        return int(line.split()[1]) * 1024

    def exchange(self, request: bytes) -> bytes:
        """All that comes back for the bytes `request` on a connection of their own."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=GUARD_SECONDS) as connection:
            connection.sendall(request)
            answer = b""
            while piece := connection.recv(65536):
                answer += piece
        return answer


@pytest.fixture(scope="module")
def server(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The service, ready; its log goes to a file, since nobody would empty a pipe."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    log = tmp_path_factory.mktemp("log") / "service.log"
    # A body that does not come is to be given up within the patience of a test.
    knobs = {"PAG_WEIGHTS": str(weights), "PAG_PORT": str(port), "PAG_BODY_TIMEOUT_SECONDS": "2"}
    with log.open("w") as output:
        process = _spawn(output, **knobs)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=GUARD_SECONDS) as client:
                _wait_until_listening(process, port, log)
                wait_until_ready(client)
                yield Server(process, port, client)
                assert process.poll() is None, log.read_text()[-2000:]
                assert "Traceback" not in log.read_text(), log.read_text()[-4000:]
        finally:
            process.terminate()
            process.wait(GUARD_SECONDS)


def _spawn(output: TextIO, **environment: str) -> subprocess.Popen[str]:
    paths = os.pathsep.join([str(Path.cwd()), *sys.path])
    return subprocess.Popen(
        [sys.executable, "-m", "service"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": paths, **environment},
        stdout=output,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _wait_until_listening(process: subprocess.Popen[str], port: int, log: Path) -> None:
    while True:
        assert process.poll() is None, log.read_text()
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.02)
