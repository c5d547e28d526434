"""The service as it really runs: the whole server, in a thread or in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from service.app import create_app
from service.settings import Settings
from service.transport.server import Server

# Only against hanging for ever: the machine may be very busy.
GUARD_SECONDS = 600
# Settings of a server that refuses nothing and lowers no budget, however busy the machine is.
PATIENT: dict[str, Any] = {"brownout": False, "max_wait_seconds": 600}
LISTENING = "0A"
Serve = Callable[..., AbstractContextManager[httpx.Client]]
Shared = Callable[..., httpx.Client]


@contextmanager
def running_server(*, until_ready: bool = True, **settings: Any) -> Iterator[httpx.Client]:
    """Client of the whole server in a thread of this process, warmed up unless told otherwise."""
    with running_at(**{"port": 0, **settings}) as server:
        port = server.servers[0].sockets[0].getsockname()[1]
        with plain_client(port) as client:
            if until_ready:
                wait_until_ready(client)
            yield client


@contextmanager
def running_at(uds: str | None = None, **settings: Any) -> Iterator[Server]:
    """The whole server in a thread, as soon as it listens on its port or on the Unix socket `uds`."""
    chosen = Settings(**settings)
    server = Server(create_app(chosen), chosen)
    server.config.uds = uds
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started or not thread.is_alive())
        assert server.started, "the application did not start"
        yield server
    finally:
        server.should_exit = True
        thread.join()


class Process:
    """A service in a process of its own, ready unless told otherwise; its log goes to a file."""

    def __init__(self, *command: str, until_ready: bool = True, **environment: str) -> None:
        """Run `command` by Python, on a free port unless PAG_PORT says which."""
        self._log = tempfile.NamedTemporaryFile("w+", suffix=".log")  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, *(command or ("-m", "service"))],
            env={**bare_environment(), "PAG_PORT": "0", **environment},
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        self.port = 0
        try:
            self.until(self._listens)
            self.client = plain_client(self.port)
            if until_ready:
                self.until(lambda: self.client.get("/readyz").status_code == 200)
        except BaseException:
            self.kill()
            raise

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def until(self, happened: Callable[[], bool]) -> None:
        """Return once `happened`, but do not wait for a process that has ended."""

        def checked() -> bool:
            assert self._process.poll() is None, self.log()
            return happened()

        until(checked)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def stop(self) -> None:
        """Send SIGTERM."""
        self.send(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL and wait for the end."""
        self._process.kill()
        self._process.wait()

    def wait(self) -> tuple[int, str]:
        """Exit status and log, once it has ended."""
        return self._process.wait(GUARD_SECONDS), self.log()

    def log(self) -> str:
        """All that it has written so far."""
        return Path(self._log.name).read_text()

    def events(self, name: str) -> list[dict[str, Any]]:
        """Lines of the log with this event."""
        return events(self.log(), name)

    def memory(self, field: str) -> int:
        """Bytes of `field` of the process's status: VmRSS now, VmHWM at most so far."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        (line,) = [line for line in status.splitlines() if line.startswith(field + ":")]
        return int(line.split()[1]) * 1024

    def forget_peak(self) -> None:
        """Let VmHWM begin anew."""
        Path(f"/proc/{self._process.pid}/clear_refs").write_text("5")

    def exchange(self, request: bytes) -> bytes:
        """All that comes back for the bytes `request` on a connection of their own."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=GUARD_SECONDS) as connection:
            connection.sendall(request)
            answer = b""
            while piece := connection.recv(65536):
                answer += piece
        return answer

    def __enter__(self) -> Process:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.client.close()
        self.kill()
        if kind is not None:
            print(self.log(), file=sys.stderr)
        self._log.close()

    def _listens(self) -> bool:
        """Find the port that the system chose: no other process can have taken it."""
        sockets = set()
        with suppress(FileNotFoundError):
            for descriptor in Path(f"/proc/{self._process.pid}/fd").iterdir():
                with suppress(FileNotFoundError):
                    sockets.add(str(descriptor.readlink()))
        for row in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            fields = row.split()
            if fields[3] == LISTENING and f"socket:[{fields[9]}]" in sockets:
                self.port = int(fields[1].partition(":")[2], 16)
        return self.port != 0


def plain_client(port: int) -> httpx.Client:
    """Client of a server on this machine; reading the certificates would take longer than most tests."""
    return httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=GUARD_SECONDS, verify=False)


def until(happened: Callable[[], bool]) -> None:
    """Return once `happened`."""
    deadline = time.monotonic() + GUARD_SECONDS
    while not happened():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def wait_until_ready(client: httpx.Client) -> None:
    """Return once /readyz answers 200."""
    until(lambda: client.get("/readyz").status_code == 200)


def bare_environment() -> dict[str, str]:
    """What a process needs to find this checkout and its packages."""
    paths = os.pathsep.join([str(Path.cwd()), *sys.path])
    return {"PATH": os.environ["PATH"], "PYTHONPATH": paths}


def events(log: str, name: str) -> list[dict[str, Any]]:
    """Lines of a log with this event; ONNX Runtime writes lines of its own between them."""
    # A last line without an end is still being written.
    lines = [json.loads(line) for line in log.split("\n")[:-1] if line.startswith("{")]
    return [line for line in lines if line["event"] == name]


def metric(client: httpx.Client, name: str) -> float:
    """Sum of a metric over all its labels, or its value for `name` with its labels; 0 if not counted yet."""
    lines = client.get("/metrics").text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith((f"{name} ", f"{name}{{")))


def computing(client: httpx.Client) -> bool:
    """Whether one request is being answered."""
    return metric(client, "pag_inflight_requests") == 1
