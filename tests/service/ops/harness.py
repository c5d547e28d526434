"""The service as it really runs: our server around our application, in a thread or in a process."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from service.app import create_app
from service.settings import Settings
from service.transport.server import Server
from tests.service.conftest import GUARD_SECONDS, encoded, picture, wait_until_ready

PHOTO = encoded(picture(64, 64))


def until(happened: Callable[[], bool]) -> None:
    """Return once `happened`."""
    deadline = time.monotonic() + GUARD_SECONDS
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@contextmanager
def hosting(**knobs: Any) -> Iterator[httpx.Client]:
    """Client of the whole server in a thread of this process, warmed up."""
    settings = Settings(**{"port": 0, **knobs})
    server = Server(create_app(settings), settings)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started or not thread.is_alive())
        assert server.started, "the application did not start"
        port = server.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=GUARD_SECONDS) as client:
            wait_until_ready(client)
            yield client
    finally:
        server.should_exit = True
        thread.join()


class Process:
    """A service in a process of its own, ready."""

    def __init__(self, *command: str, **environment: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self._process = subprocess.Popen(
            [sys.executable, *(command or ("-m", "service"))],
            env={**bare_environment(), "PAG_PORT": str(self.port), **environment},
            stderr=subprocess.PIPE,
            text=True,
        )
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=GUARD_SECONDS)
        until(self._ready)

    def _ready(self) -> bool:
        assert self._process.poll() is None, self._process.communicate()[1]
        try:
            return self.client.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def stop(self) -> None:
        """Send SIGTERM."""
        self._process.send_signal(signal.SIGTERM)

    def wait(self) -> tuple[int, str]:
        """Exit status and logs, once it has ended."""
        _, logs = self._process.communicate(timeout=GUARD_SECONDS)
        return self._process.returncode, logs

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self._process.kill()
        self._process.communicate()


def bare_environment() -> dict[str, str]:
    """What a process needs to find this checkout and its packages."""
    paths = os.pathsep.join([str(Path.cwd()), *sys.path])
    return {"PATH": os.environ["PATH"], "PYTHONPATH": paths}
