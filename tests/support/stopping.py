"""A process to be told to stop while requests run, and such requests."""

from __future__ import annotations

import threading
from pathlib import Path

import httpx

from tests.support.servers import GUARD_SECONDS, Process

ESTABLISHED = "01"

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


class RequestThread(threading.Thread):
    """A request of its own, on a connection of its own."""

    def __init__(self, process: Process, method: str, path: str, content: bytes = b"") -> None:
        super().__init__(daemon=True)
        self.answer: httpx.Response | None = None
        self._ask = (method, f"http://127.0.0.1:{process.port}{path}", content)
        self.start()

    def run(self) -> None:
        """Send the request and keep its answer; None where the connection broke."""
        method, url, content = self._ask
        try:
            self.answer = httpx.request(method, url, content=content, timeout=GUARD_SECONDS)
        except httpx.TransportError:
            self.answer = None


def stoppable_process(tmp_path: Path, weights: Path, seconds: int) -> Process:
    """The service with two routes more, which stops within `seconds`; a file `release` ends /held."""
    script = tmp_path / "run.py"
    script.write_text(SERVICE)
    return Process(
        str(script),
        str(tmp_path / "release"),
        PAG_WEIGHTS=str(weights),
        PAG_SHUTDOWN_SECONDS=str(seconds),
    )


def has_connections(process: Process, count: int = 2) -> bool:
    """Whether `count` connections are open: ours, and those of the threads whose requests have come in."""
    text = Path("/proc/net/tcp").read_text().splitlines()[1:]
    address = f"0100007F:{process.port:04X}"
    return sum(line.split()[1] == address and line.split()[3] == ESTABLISHED for line in text) >= count
