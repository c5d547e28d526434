"""A real process that is told to stop while it works."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import httpx
import pytest

from tests.service.conftest import GUARD_SECONDS
from tests.service.ops.harness import PHOTO, Process, until
from tests.service.routes.test_parse import assert_problem

# The service with two routes more: one that ends when a file appears, one that nothing can end.
SERVICE = """
import asyncio, sys, threading
from pathlib import Path
from service.app import create_app
from service.telemetry.logs import configure_logging
from service.transport.server import serve
from service.settings import Settings

settings = Settings()
configure_logging(settings)
app = create_app(settings)

@app.get("/held")
async def held() -> str:
    while not Path(sys.argv[1]).exists():
        await asyncio.sleep(0.01)
    return "done"

@app.get("/stuck")
def stuck() -> None:
    threading.Event().wait()

serve(app, settings)
"""


class Asking(threading.Thread):
    """A request of its own, on a connection of its own."""

    def __init__(self, process: Process, method: str, path: str, content: bytes = b"") -> None:
        super().__init__(daemon=True)
        self.answer: httpx.Response | None = None
        self._ask = (method, f"http://127.0.0.1:{process.port}{path}", content)
        self.start()

    def run(self) -> None:
        """Thread's work."""
        method, url, content = self._ask
        try:
            self.answer = httpx.request(method, url, content=content, timeout=GUARD_SECONDS)
        except httpx.TransportError:
            self.answer = None


def service(tmp_path: Path, weights: Path, seconds: int) -> Process:
    script = tmp_path / "run.py"
    script.write_text(SERVICE)
    return Process(
        str(script),
        str(tmp_path / "release"),
        PAG_WEIGHTS=str(weights),
        PAG_SHUTDOWN_SECONDS=str(seconds),
    )


def test_new_requests_are_refused_while_running_ones_are_answered(tmp_path: Path, weights: Path) -> None:
    with service(tmp_path, weights, GUARD_SECONDS) as process:
        client = process.client
        held = Asking(process, "GET", "/held")
        until(lambda: runs(process))
        process.stop()
        until(lambda: client.get("/readyz").status_code == 503)
        assert client.get("/readyz").json() == {"status": "stopping", "models": []}
        assert client.get("/livez").status_code == 200
        refused = client.post("/parse", content=PHOTO)
        assert_problem(refused, 503, "not-ready", "stopping")
        assert refused.headers["retry-after"] == "1"
        assert refused.headers["connection"] == "close"
        assert client.get("/v2/health/ready").status_code == 503
        assert 'pag_rejected_total{reason="not-ready"}' in client.get("/metrics").text
        assert held.is_alive()
        (tmp_path / "release").touch()
        held.join()
        status, logs = process.wait()
    assert held.answer is not None
    assert held.answer.json() == "done"
    assert status == 0
    events = [json.loads(line) for line in logs.splitlines()]
    (stopping,) = [line for line in events if line["event"] == "stopping"]
    assert stopping["seconds"] == GUARD_SECONDS


def test_an_idle_process_ends_at_once(tmp_path: Path, weights: Path) -> None:
    with service(tmp_path, weights, GUARD_SECONDS) as process:
        process.stop()
        assert process.wait()[0] == 0


def test_when_time_is_up_running_requests_are_told(tmp_path: Path, weights: Path) -> None:
    with service(tmp_path, weights, 1) as process:
        held = Asking(process, "GET", "/held")
        until(lambda: runs(process))
        process.stop()
        status, _ = process.wait()
        held.join()
    assert status == 0
    assert held.answer is not None
    assert_problem(held.answer, 503, "not-ready", "before this request was answered")


@pytest.mark.parametrize("seconds", [0, 1])
def test_what_cannot_be_ended_does_not_hold_the_process(tmp_path: Path, weights: Path, seconds: int) -> None:
    with service(tmp_path, weights, seconds) as process:
        Asking(process, "GET", "/stuck")
        until(lambda: runs(process))
        begun = time.monotonic()
        process.stop()
        status, logs = process.wait()
        took = time.monotonic() - begun
    assert status == 1
    assert "stopped_by_force" in logs
    # Due within a second of the bound; the rest is for a busy machine.
    assert took < seconds + 30


def runs(process: Process, connections: int = 2) -> bool:
    """Whether a request of a thread has come in: its connection is open beside ours."""
    text = Path("/proc/net/tcp").read_text().splitlines()[1:]
    address = f"0100007F:{process.port:04X}"
    return sum(line.split()[1] == address and line.split()[3] == "01" for line in text) >= connections
