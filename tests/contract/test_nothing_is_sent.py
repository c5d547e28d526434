"""Nothing that users run asks another machine for anything, or sends it anything, by itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("service", "model_export", "benchmarks")
LOADING = sorted(
    file
    for package in PACKAGES
    for file in (ROOT / package).rglob("*.py")
    if "import onnxruntime" in file.read_text()
)
NAMESPACE = ["unshare", "--net", "--mount", "--map-root-user"]
# ONNX Runtime leaves an identifier of the machine in the home folder as soon as it reports anything.
SESSION = "import onnxruntime, sys; onnxruntime.InferenceSession(sys.argv[1])"


def bare(home: Path) -> dict[str, str]:
    """The environment of a user at home; ONNX Runtime keeps silent under CI."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]),
    }


def in_namespace() -> bool:
    """Whether this machine lets us make a network of our own."""
    try:
        return subprocess.run([*NAMESPACE, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@pytest.mark.process
@pytest.mark.parametrize("file", LOADING, ids=lambda file: str(file.relative_to(ROOT)))
def test_whoever_loads_the_runtime_has_turned_its_reports_off(
    file: Path, weights: Path, tmp_path: Path
) -> None:
    module = ".".join(file.relative_to(ROOT).with_suffix("").parts)
    ended = subprocess.run(
        [sys.executable, "-c", f"import {module}; {SESSION}", str(weights / "tiny" / "model.onnx")],
        env=bare(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    if "No module named" in ended.stderr:
        pytest.skip(ended.stderr.splitlines()[-1])
    left = [path for path in tmp_path.rglob("*") if "onnxruntime" in path.name or "Microsoft" in path.parts]
    assert left == []


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.skipif(not in_namespace(), reason="needs unshare and the right to make namespaces")
def test_a_server_asks_for_no_name(weights: Path, tmp_path: Path) -> None:
    asked, ways = tmp_path / "asked", {"service": ["-m", "service"], "control": ["-c", CONTROL]}
    for way, command in ways.items():
        asked.write_text("")
        subprocess.run(
            [
                *NAMESPACE,
                sys.executable,
                "-m",
                "tests.support.name_sink",
                str(asked),
                sys.executable,
                *command,
            ],
            env=bare(tmp_path) | {"PAG_WEIGHTS": str(weights), "PAG_PORT": "0"},
            cwd=ROOT,
            capture_output=True,
            check=True,
        )
        assert asked.read_text().split() == ([] if way == "service" else ["asked.example", "asked.example"])


CONTROL = "import socket\ntry: socket.getaddrinfo('asked.example', 80)\nexcept OSError: pass"


@pytest.mark.process
def test_who_imported_the_runtime_before_is_told() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", "import onnxruntime, service"],
        env=bare(Path.home()) | {"CI": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "set ORT_DISABLE_TELEMETRY=1" in ended.stderr
