"""The servers compared, each a process of its own, started anew for each point: none inherits a queue."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import perforated_conv

from benchmarks.load.pipeline import LIBRARY_VARIABLE
from benchmarks.load.quality import model_in
from benchmarks.running_service import free_port, wait_until_ready

ROOT = Path(__file__).parents[2]
LITSERVE_VARIABLE = "BENCH_LITSERVE_PYTHON"
STOPPING_SECONDS = 5.0
Kind = Literal["service", "fastapi", "litserve"]


@dataclass(frozen=True)
class Contender:
    """A server and the environment variables that make it what it is."""

    name: str
    kind: Kind
    variables: Mapping[str, str] = field(default_factory=dict)


BROWNOUT = Contender("service, brown-out", "service", {"PAG_BROWNOUT": "true"})
STEADY = Contender("service, no brown-out", "service", {"PAG_BROWNOUT": "false"})
FASTAPI = Contender("FastAPI + ONNX Runtime", "fastapi")
LITSERVE = Contender("LitServe", "litserve")
CONTENDERS = {"brownout": BROWNOUT, "steady": STEADY, "fastapi": FASTAPI, "litserve": LITSERVE}


@dataclass(frozen=True)
class Running:
    """Where it listens and its process."""

    port: int
    process_id: int


@dataclass(frozen=True)
class Host:
    """What all contenders are started with."""

    weights: Path
    threads: int
    litserve_python: str | None = None

    @contextlib.contextmanager
    def running(self, contender: Contender) -> Iterator[Running]:
        """Starts it, waits until it is ready, and ends it with all its processes."""
        port = free_port()
        process = subprocess.Popen(
            self._command(contender.kind, port),
            env=self._variables(contender, port),
            cwd=ROOT,
            process_group=0,
        )
        try:
            wait_until_ready(port, "/readyz" if contender.kind == "service" else "/health", process)
            yield Running(port, process.pid)
        finally:
            stop(process)

    def _command(self, kind: Kind, port: int) -> list[str]:
        if kind == "service":
            return [sys.executable, "-m", "service"]
        python = self.litserve_python if kind == "litserve" else sys.executable
        if python is None:
            raise SystemExit(f"{LITSERVE_VARIABLE} or --litserve-python must name LitServe's interpreter")
        folder, _ = model_in(self.weights)
        return [
            python, "-m", f"benchmarks.load.peer_{kind}", str(folder.absolute()), str(port), str(self.threads)
        ]  # fmt: skip

    def _variables(self, contender: Contender, port: int) -> dict[str, str]:
        library = os.environ.get(LIBRARY_VARIABLE) or perforated_conv.library_path()
        paths = [str(ROOT), str(ROOT / "native" / "python")]
        return {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(paths) if contender.kind == "litserve" else str(ROOT),
            **({LIBRARY_VARIABLE: str(library)} if library else {}),
            "PAG_PORT": str(port),
            "PAG_WEIGHTS": str(self.weights.absolute()),
            "PAG_THREADS": str(self.threads),
            "PAG_LOG_LEVEL": "error",
            **contender.variables,
        }


def stop(process: subprocess.Popen[bytes]) -> None:
    """Asks the process to end, and ends its whole group if it does not soon: queues may be long."""
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOPPING_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
