"""The verbs beside parse."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pag.cli.app import HANDING_OVER, VERBS, app
from service import VERSION
from service.settings import settings_table
from tests.support.command_line import Pag, run_pag, start_pag, write_photo
from tests.support.servers import Process, bare_environment

# Packages of the extras, as far as the command line could meet them.
NOT_IN_BASE = ("cv2", "onnxruntime", "fastapi", "starlette", "uvicorn", "pydantic_settings", "structlog")


def test_version_and_help() -> None:
    assert run_pag("--version").stdout.decode() == f"pag {VERSION}\n"
    said = run_pag("--help").stdout.decode()
    assert all(f"\n  {verb} " in said for verb in VERBS)


def test_the_guide_has_all_verbs() -> None:
    guide = Path(__file__).parents[3] / "docs/guide/command_line.md"
    assert re.findall(r"^\| `pag (\w+)", guide.read_text(), re.MULTILINE) == VERBS


def test_the_exceptions_from_our_signals_are_verbs() -> None:
    assert set(VERBS) >= HANDING_OVER


@pytest.mark.process
def test_help_and_completion_wait_for_nothing_heavy() -> None:
    slow = "'numpy', 'cv2', 'httpx', 'onnxruntime', 'fastapi', 'rich'"
    code = f"import sys, pag.cli; sys.exit(not {{{slow}}}.isdisjoint(sys.modules))"
    ended = subprocess.run([sys.executable, "-c", code], env=bare_environment(), check=False)
    assert ended.returncode == 0


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str) -> None:
    # The shell is otherwise found by looking at the parent process, which is no shell here.
    script = run_pag("--show-completion", shell, _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1").stdout
    assert b"_PAG_COMPLETE" in script
    words = {"COMP_WORDS": "pag pa", "COMP_CWORD": "1"} if shell == "bash" else {}
    words |= {"_TYPER_COMPLETE_ARGS": "pag pa", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    assert b"parse" in run_pag(_PAG_COMPLETE=f"complete_{shell}", **words).stdout


def test_models(pag: Pag) -> None:
    said = pag("models").stdout.decode()
    assert said.startswith("tiny 1.0.0, answers when none is named\n")
    maps = "semantics (labels of 40 classes), depth (metric), normals (vectors), computed* (share)"
    assert f"maps: {maps}" in " ".join(said.split())
    assert "least budget 0.25, default 1" in said
    (model,) = json.loads(pag("models", "--json").stdout)["models"]
    assert (model["name"], model["budget_floor"]) == ("tiny", 0.25)


def test_bench(pag: Pag, tmp_path: Path) -> None:
    photo = write_photo(tmp_path / "p.jpg")
    words = ("bench", "--image", photo, "--seconds", "0.1", "--budgets", "1,0.5")
    said = pag(*words).stdout.decode().splitlines()
    assert said[0].startswith("tiny 1.0.0 on JPEG 96x64, http://127.0.0.1")
    assert said[-3].split()[:6] == ["budget", "used", "share", "p50", "p95", "images/s"]
    assert "inference" in said[-3]
    rows = json.loads(pag(*words, "--json").stdout)["rows"]
    assert [row["budget"] for row in rows] == [1, 0.5]
    assert all(row["p50"] > 0 and row["runs"] >= 3 for row in rows)
    assert all((row["p95"] is None) == (row["runs"] < 20) for row in rows)
    assert all(row["stages"]["inference"] > 0 and row["images_per_second"] > 0 for row in rows)


@pytest.mark.process
def test_doctor(weights: Path) -> None:
    ended = start_pag("doctor", "--json", PAG_WEIGHTS=str(weights), PAG_PORT="0")
    assert (ended.returncode, json.loads(ended.stdout)["ok"]) == (0, True)
    assert start_pag("doctor", PAG_WEIGHTS="/nonexistent", PAG_PORT="0").returncode == 1
    wrong = start_pag("doctor", PAG_PORT="many")
    assert (wrong.returncode, b"PAG_PORT" in wrong.stderr) == (2, True)


@pytest.mark.process
def test_serve_and_stop(weights: Path) -> None:
    with Process("-m", "pag", "serve", "--weights", str(weights), "--model", "tiny") as process:
        assert process.client.get("/models").json()["models"][0]["default"]
        process.stop()
        status, logs = process.wait()
    assert status == 0
    assert all(json.loads(line) for line in logs.splitlines())


def test_serve_tells_its_settings() -> None:
    assert run_pag("serve", "--settings").stdout.decode() == settings_table() + "\n"


@pytest.mark.process
def test_the_module_takes_no_verbs() -> None:
    command = [sys.executable, "-m", "service", "doctor"]
    ended = subprocess.run(command, env=bare_environment(), capture_output=True, check=False)
    assert (ended.returncode, b"pag doctor" in ended.stderr) == (1, True)


def without(modules: Iterable[str], *words: str | Path) -> subprocess.CompletedProcess[bytes]:
    """`pag` in a process in which these modules are not installed."""
    code = f"import sys; sys.modules.update(dict.fromkeys({[*modules]!r})); from pag.cli import main; main()"
    command = [sys.executable, "-c", code, *map(str, words)]
    return subprocess.run(command, env=bare_environment(), capture_output=True, check=False)


@pytest.mark.process
@pytest.mark.parametrize("module", ["torch", "model_export"])
def test_export_names_the_extra_it_needs(module: str) -> None:
    ended = without([module], "export", "--help")
    assert (ended.returncode, b"pip install 'pag-parse[export]'" in ended.stderr) == (2, True)
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.process
@pytest.mark.parametrize("module", ["onnxruntime", "fastapi"])
def test_what_needs_the_extra_serve_names_it(module: str) -> None:
    for verb, status in (("doctor", 2), ("serve", 2), ("models", 3)):
        ended = without([module], verb)
        assert (ended.returncode, b"pip install 'pag-parse[serve]'" in ended.stderr) == (status, True), verb
        assert len(ended.stderr.splitlines()) == 1


@pytest.mark.process
def test_the_base_install_asks_a_server(url: str, photo: Path, tmp_path: Path) -> None:
    ended = without(NOT_IN_BASE, "parse", photo, "-o", tmp_path / "out", "--server", url)
    assert ended.returncode == 0, ended.stderr
    for verb, *words in (("models",), ("bench", "--seconds", "0.1", "--budgets", "1")):
        ended = without(NOT_IN_BASE, verb, *words, "--server", url)
        assert ended.returncode == 0, ended.stderr


@pytest.mark.process
def test_a_video_needs_an_extra_and_says_so_before_any_work(url: str, photo: Path, tmp_path: Path) -> None:
    film = write_photo(tmp_path / "film.mp4")
    ended = without(NOT_IN_BASE, "parse", photo, film, "-o", tmp_path / "out", "--server", url)
    assert (ended.returncode, b"pip install 'pag-parse[video]'" in ended.stderr) == (2, True), ended.stderr
    assert not (tmp_path / "out").exists()


def test_export_hands_on_to_the_exports_own_commands() -> None:
    pytest.importorskip("torch")
    # In this process: it loads torch once for all tests.
    run = CliRunner()
    assert "verify" in run.invoke(app, ["export", "--help"]).stdout
    assert "--preset" in run.invoke(app, ["export", "train", "--help"]).stdout
    refused = run.invoke(app, ["export", "--checkpoints", "a.pt"])
    assert (refused.exit_code, "--folder" in refused.stderr) == (2, True)


@pytest.mark.process
def test_logs_for_people_are_plain_text_where_there_is_no_terminal() -> None:
    code = (
        "import logging; from service.telemetry.logs import configure_logging;"
        "from service.settings import Settings;"
        "configure_logging(Settings(log_format='console')); logging.getLogger('a').warning('hello')"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], env=bare_environment(), capture_output=True, check=True
    )
    assert b"hello" in ended.stderr
    assert b"\x1b" not in ended.stderr
