"""The doctor on this machine, healthy and in each kind of trouble."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from service.doctor.report import examine
from service.doctor.report import main as doctor
from service.engine.resources import memory_limit
from service.settings import Settings
from tests.support.servers import Serve, bare_environment
from tests.support.tiny_model import write_model


def finding(name: str, **knobs: Any) -> Any:
    (found,) = [each for each in examine(Settings(**knobs)) if each.name == name]
    return found


def test_a_healthy_machine(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = Settings(weights=weights, port=0)
    assert doctor(settings, as_json=True) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["ok"]
    names = {each["name"] for each in report["findings"]}
    assert names >= {"cpus", "kernels", "runtime", "model", "memory", "open files", "port", "limits"}
    assert doctor(settings, as_json=False) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("ok    model            tiny 1.0.0 in ") for line in lines)


@pytest.mark.process
def test_it_is_a_verb_of_the_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pag", "doctor"]
    environment = {**bare_environment(), "PAG_WEIGHTS": str(tmp_path), "PAG_PORT": "0"}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "fail  models" in ended.stdout
    assert "-> correct the folder" in ended.stdout


def test_a_changed_model_fails(tmp_path: Path) -> None:
    write_model(tmp_path)
    with (tmp_path / "tiny" / "model.onnx").open("ab") as file:
        file.write(b"x")
    write_model(tmp_path, name="whole")
    whole, changed = sorted(
        (each for each in examine(Settings(weights=tmp_path, port=0)) if each.name == "model"),
        key=lambda each: each.status,
        reverse=True,
    )
    assert (whole.status, changed.status) == ("ok", "fail")
    assert "model.onnx" in changed.detail
    assert "\n" not in changed.detail


def test_a_port_in_use(weights: Path, serve: Serve) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        # Whoever listens there says nothing: it is none of ours.
        assert finding("port", weights=weights, port=port).status == "fail"
    with serve() as client:
        found = finding("port", weights=weights, port=client.base_url.port)
    assert (found.status, "answers there already" in found.detail) == ("warn", True)


@pytest.mark.parametrize(
    ("name", "status", "knobs"),
    [
        ("runtime", "fail", {"provider": "cuda"}),
        ("memory", "warn", {"memory_bytes": 2**50}),
        ("open files", "warn", {"max_connections": 10_000_000}),
        ("cpus", "warn", {"threads": 10_000}),
        ("access", "warn", {"host": "0.0.0.0"}),
        ("access", "warn", {"api_keys": "short"}),
        ("access", "ok", {"host": "0.0.0.0", "api_keys": "long-enough-to-be-a-key"}),
        ("access", "fail", {"cors_origins": "nonsense"}),
        ("native operators", "ok", {"native_operator": "off"}),
        ("kernels", "ok", {"native_operator": "off"}),
    ],
)
def test_trouble_is_named_with_its_fix(name: str, status: str, knobs: dict[str, Any], weights: Path) -> None:
    found = finding(name, weights=weights, port=0, **knobs)
    assert found.status == status
    assert bool(found.fix) == (status != "ok")


def test_the_limit_of_memory_is_the_groups(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("max\n")
    machine = memory_limit(tmp_path)
    (tmp_path / "memory.max").write_text("1048576\n")
    assert memory_limit(tmp_path) == 1048576 < machine
