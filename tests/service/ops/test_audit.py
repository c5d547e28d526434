"""The audit against a real advisory service of our own: what it finds is told, what it cannot ask is said."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.process

pytest.importorskip("pip_audit")
SCRIPT = Path(__file__).parents[3] / "scripts/audit.py"
ADVISORY = {
    "id": "TEST-2026-1",
    "summary": "Made up.",
    "affected": [
        {
            "package": {"name": "numpy", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "999"}]}],
        }
    ],
}


def audit(url: str, *options: str) -> subprocess.CompletedProcess[str]:
    service = ("--vulnerability-service", "osv", "--osv-url", url)
    command = [sys.executable, str(SCRIPT), *service, *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@contextmanager
def advising(answer: Callable[[str], tuple[int, dict[str, Any]]]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            status, document = answer(asked["package"]["name"])
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1/query"
        finally:
            server.shutdown()
            thread.join()


def test_a_vulnerability_fails_it() -> None:
    with advising(lambda name: (200, {"vulns": [ADVISORY]} if name == "numpy" else {})) as url:
        ended = audit(url)
        ignored = audit(url, "--ignore-vuln", "TEST-2026-1")
    assert ended.returncode == 1
    assert "VULNERABLE: numpy" in ended.stdout
    assert "TEST-2026-1; fixed in 999" in ended.stdout
    assert ignored.returncode == 0


def test_without_one_it_passes_and_counts() -> None:
    with advising(lambda name: (200, {})) as url:
        ended = audit(url)
    assert ended.returncode == 0
    assert ended.stdout.splitlines()[-1].startswith("0 known vulnerabilities in ")
    assert "in 0 packages" not in ended.stdout


def test_nobody_to_ask_is_said_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    ended = audit(f"http://127.0.0.1:{port}/")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("SKIPPED: ")
    assert ended.stdout.count("\n") == 1


def test_who_stops_answering_hides_nothing() -> None:
    with advising(lambda name: (200, {}) if name == "pip-audit" else (500, {})) as url:
        ended = audit(url)
    assert ended.returncode == 1
    assert "not known" in ended.stderr


def test_an_audit_that_cannot_run_fails() -> None:
    assert audit("http://127.0.0.1:9/", "--no-such-option").returncode == 1
