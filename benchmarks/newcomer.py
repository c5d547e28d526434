"""A newcomer's way, timed: clone to first maps, own photograph to maps, own checkpoint to served.

    python -m benchmarks.newcomer

In a clone of the last commit in a temporary folder, with its own environment. What pip has to download
depends on its cache and the line: the times of set-up are of this machine and day alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from benchmarks.common import conditions, save
from benchmarks.running_service import free_port

REPOSITORY = Path(__file__).parent.parent
LIMIT_SECONDS = 1800
POLL_SECONDS = 0.1
MINE = "weights/mine"
ABOUT = {"description": "mine", "classes": ["a", "b", "c"], "licence": "mine", "data_terms": "mine"}
MAKE_CHECKPOINT = """
from pathlib import Path
from model_export.networks.build import build
from model_export.training.saved import save_network
options = {"classes": 3, "tasks": ["semantics"], "pretrained": False}
save_network(Path("mine.pt"), "efficientnet_lite0", options, build("efficientnet_lite0", **options))
"""


class Clock:
    """Named steps and how long each took."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time the context."""
        start = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - start, 1)
        print(f"{self.seconds[name]:7.1f} s  {name}", flush=True)


def run(folder: Path, *words: str) -> None:
    """Run a command to its end; its output is shown if it fails."""
    done = subprocess.run(
        words, cwd=folder, capture_output=True, text=True, check=False, timeout=LIMIT_SECONDS
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(words)} failed:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")


def fetched(url: str, data: bytes | None = None) -> bytes:
    """The body of a successful answer; waits until there is a server that gives one."""
    latest = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < latest:
        try:
            with urllib.request.urlopen(urllib.request.Request(url, data), timeout=60) as answer:
                return bytes(answer.read())
        except (urllib.error.URLError, ConnectionError):
            time.sleep(POLL_SECONDS)
    raise SystemExit(f"no answer from {url}")


@contextlib.contextmanager
def serving(folder: Path, port: int) -> Iterator[None]:
    """`make serve` in the clone; ended with all that it started."""
    environment = os.environ | {"PAG_PORT": str(port), "PAG_LOG_LEVEL": "error"}
    with (folder / "serve.log").open("wb") as log:
        process = subprocess.Popen(
            ["make", "serve"], cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            yield
        finally:
            os.killpg(process.pid, 15)
            process.wait()


def walk(folder: Path, clock: Clock) -> None:
    """The whole way."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    clone, sample = folder / "clone", REPOSITORY / "service/page/samples/room.jpg"
    pag = str(clone / ".venv/bin/pag")
    with contextlib.ExitStack() as server:
        with clock.step("clone to the page with the first maps"):
            run(folder, "git", "clone", "--quiet", str(REPOSITORY), str(clone))
            server.enter_context(serving(clone, port))
            fetched(url + "/")
            fetched(url + "/parse?budget=0.4", sample.read_bytes())
        with clock.step("own photograph to maps, pag parse in its own process"):
            run(clone, pag, "parse", str(sample), "-o", str(folder / "maps"))
        with clock.step("own photograph to maps, pag parse --server"):
            run(clone, pag, "parse", str(sample), "-o", str(folder / "served"), "--server", url)
        with clock.step("set-up of torch and the development tools"):
            run(clone, "make", "setup")
        run(clone, str(clone / ".venv/bin/python"), "-c", MAKE_CHECKPOINT)
        (clone / "about.json").write_text(json.dumps(ABOUT), encoding="utf-8")
        with clock.step("own checkpoint to served: export, load, warm up"):
            run(clone, pag, "export", "--checkpoints", "mine.pt", "--about", "about.json", "--folder", MINE)
            fetched(url + "/parse?model=mine&budget=0.5", sample.read_bytes())


def main() -> None:
    """Runs the command line."""
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        walk(Path(folder), clock)
    print(save("newcomer", conditions(seconds=clock.seconds)))


if __name__ == "__main__":
    main()
