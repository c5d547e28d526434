"""The service inside this process."""

from __future__ import annotations

import json
import logging
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from pag.local import CannotStart, LocalServer
from service.model_folder.files import file_entry
from tests.support.photographs import encoded, picture
from tests.support.servers import GUARD_SECONDS
from tests.support.tiny_model import write_model

PHOTO = encoded(picture(64, 64))


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_it_parses_and_leaves_nothing_behind(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = logging.getLogger().handlers[:]
    monkeypatch.setenv("PAG_API_KEYS", "not-for-this-process")
    with LocalServer(weights=weights) as server:
        folder = Path(server.url.removeprefix("unix:")).parent
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        with server.client(timeout=GUARD_SECONDS) as client:
            assert client.ready()
            assert client.parse(PHOTO, budget=0.5).budget.used == 0.5
            assert _ended_in_a_fork(server)
            assert client.parse(PHOTO, budget=0.5).budget.used == 0.5
        assert folder.exists()
    assert not folder.exists()
    assert logging.getLogger().handlers == root


def _ended_in_a_fork(server: LocalServer) -> bool:
    """Close the server in a forked process, whose server it is not."""
    process = os.fork()
    if process == 0:
        try:
            server.close()
        finally:
            os._exit(0)
    return os.waitpid(process, 0)[1] == 0


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"weights": "/nonexistent"}, "PAG_WEIGHTS"), ({"max_pending": 0}, "PAG_MAX_PENDING")],
)
def test_wrong_settings(settings: dict[str, object], words: str) -> None:
    with pytest.raises(CannotStart, match=words):
        LocalServer(**settings)


def test_a_graph_that_cannot_be_loaded(tmp_path: Path) -> None:
    write_model(tmp_path)
    folder = tmp_path / "tiny"
    (folder / "model.onnx").write_bytes(b"no graph")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["model.onnx"] = file_entry(folder / "model.onnx").model_dump()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(CannotStart) as caught, LocalServer(weights=tmp_path):
        pass
    assert "Protobuf" in str(caught.value) or "model" in str(caught.value)


def test_a_model_that_cannot_be_run(tmp_path: Path) -> None:
    write_model(tmp_path, only=(59, 80))
    with pytest.raises(CannotStart, match="cannot be run"), LocalServer(weights=tmp_path):
        pass


def test_a_long_temporary_folder_is_no_obstacle(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address of a Unix socket has room for some hundred bytes."""
    long = tmp_path / ("x" * 120)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))
    with LocalServer(weights=weights) as server, server.client() as client:
        folder = Path(server.url.removeprefix("unix:")).parent
        assert client.parse(encoded(picture(64, 64))).maps
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not folder.exists()
    assert list(long.iterdir()) == []


def test_it_is_used_in_a_with_block(weights: Path) -> None:
    with pytest.raises(RuntimeError, match="with block"):
        _ = LocalServer(weights=weights).url


@pytest.mark.process
def test_its_warnings_go_to_the_standard_error_of_the_moment() -> None:
    code = """
import io, sys
from pag.local_logs import log_warnings_only
import structlog

former = sys.stderr = io.StringIO()
log_warnings_only()
log = structlog.get_logger("service.engine")
log.warning("too_hot", degrees=99)
print(former.getvalue(), end="")
former.close()
sys.stderr = sys.__stderr__
try:
    raise OSError("no fan")
except OSError:
    log.exception("burnt")
log.info("not_said")
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "warning: too hot (degrees=99)\n"
    assert ended.stderr == "error: burnt (cause=no fan)\n"
