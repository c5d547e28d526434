"""Words of servers and names of files reach the terminal as printable lines, and never as a traceback."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.command_line import PHOTO, Ended, Pag, run_pag, start_pag, write_photo
from tests.support.foreign_servers import Answering, answer_with, foreign_server
from tests.support.servers import GUARD_SECONDS, Process
from tests.support.tiny_model import write_model

EVIL = "\x1b]0;owned\x07\x1b[31m\u202egnp.exe\u2066\x9b2J\nroot# "
JSON = {"Content_Type": "application/json"}
BUDGET = {
    "PAG_Budget_Requested": "1", "PAG_Budget_Used": "1", "PAG_Budget_Reason": "client", "PAG_Share": "1",
    "PAG_Model": "tiny", "Server_Timing": "queue;dur=1.0",
}  # fmt: skip


def assert_plain(ended: Ended) -> str:
    """Nothing that a terminal would obey was printed, and no traceback; what was printed."""
    text = (ended.stdout + ended.stderr).decode()
    assert all(character.isprintable() or character == "\n" for character in text), repr(text)
    assert "Traceback" not in text, text
    assert not any(line.startswith("root#") for line in text.splitlines()), text
    return text


@pytest.fixture(scope="module")
def models(url: str) -> Any:
    return httpx.get(f"{url}/models").json()


def serving(models: Any, parse: Answering) -> Answering:
    """A server that seems ready, lists these models, and answers /parse by `parse`."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        path = handler.path.partition("?")[0]
        if path == "/readyz":
            answer_with(200, b'{"status": "ready", "models": []}', **JSON)(handler)
        elif path == "/models":
            answer_with(200, json.dumps(models).encode(), **JSON)(handler)
        else:
            parse(handler)

    return answer


def problem(**members: Any) -> Answering:
    return answer_with(
        422, json.dumps({"title": EVIL, **members}).encode(), Content_Type="application/problem+json"
    )


def archive(meta: Any, *names: str) -> Answering:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name in names:
            file.writestr(name, b"\x89PNG\r\n\x1a\n")
        file.writestr("meta.json", json.dumps(meta))
    return answer_with(200, buffer.getvalue(), Content_Type="application/zip", **BUDGET)


@pytest.mark.parametrize(
    ("parse", "words"),
    [
        (problem(detail=EVIL, request_id=EVIL), r"\x1b]0;owned\x07"),
        (problem(detail={"a": [EVIL]}, status=EVIL, type=EVIL), "owned"),
        (answer_with(500, EVIL.encode(), Content_Type="text/html"), "not pag-parse"),
        (answer_with(200, b"PK", Content_Type="application/zip"), "pag-budget-requested"),
        (
            answer_with(
                200, b"PK", Content_Type="application/zip", **{**BUDGET, "Server_Timing": "a;dur=1.2.3"}
            ),
            "",
        ),
        (
            answer_with(200, b"PK", Content_Type="application/zip", **{**BUDGET, "PAG_Share": "x"}),
            "pag-share|float",
        ),
        (archive([]), "no files that can be read"),
        (archive({}), "'maps' is missing"),
        (archive({"maps": {"depth": {}}}, "depth.png"), "'file' is missing"),
        (archive({"maps": {"depth": {"file": EVIL}}}, "depth.png"), "lists"),
        (archive({"maps": {"depth": {"file": "../../x"}}}, "depth.png"), "lists"),
        (archive({"maps": []}), "no files that can be read"),
        (archive({"maps": {}}, EVIL + ".png"), "no file of a parsing is named"),
    ],
)
def test_a_server_s_words_are_text(parse: Answering, words: str, models: Any, tmp_path: Path) -> None:
    photo = write_photo(tmp_path / "in" / "photo.jpg")
    with foreign_server(serving(models, parse)) as (url, _):
        for more in ([], ["--json"], ["--maps", "depth"]):
            ended = run_pag("parse", photo, "-o", tmp_path / "out", *more, PAG_SERVER=url)
            assert ended.returncode in (1, 4)
            text = assert_plain(ended)
            assert any(word in text for word in words.split("|"))
        single = run_pag("parse", photo, "-o", tmp_path / "one.png", "--maps", "depth", PAG_SERVER=url)
        assert single.returncode in (1, 4)
        assert_plain(single)
        assert not (tmp_path / "one.png").exists()


def test_files_that_no_one_planned_are_not_written(models: Any, tmp_path: Path) -> None:
    photo = write_photo(tmp_path / "photo.jpg")
    other = write_photo(tmp_path / "photo.x.png")
    before = other.read_bytes()
    answer = archive(
        {"maps": {name: {"file": f"{name}.png"} for name in ("depth", "x")}}, "depth.png", "x.png"
    )
    with foreign_server(serving(models, answer)) as (url, _):
        ended = run_pag("parse", photo, "-o", tmp_path, "--maps", "depth", PAG_SERVER=url)
    assert (ended.returncode, other.read_bytes()) == (1, before)
    assert "did not list at the start: .x.png" in assert_plain(ended)
    assert not (tmp_path / "photo.depth.png").exists()


@pytest.mark.parametrize("verb", [["models"], ["bench", "--seconds", "0.1"], ["models", "--json"]])
@pytest.mark.parametrize(
    "place", ["name", "description", "map", "class", "split", "figure", "floor", "curve"]
)
def test_a_list_of_models_is_text(verb: list[str], place: str, models: Any) -> None:
    changed = json.loads(json.dumps(models))
    entry = changed["models"][0]
    changes: dict[str, Callable[[], Any]] = {
        "name": lambda: entry.update(name=EVIL),
        "description": lambda: entry.update(description=EVIL),
        "map": lambda: entry["maps"][0].update(name=f"../{EVIL}"),
        "class": lambda: entry["maps"][0]["classes"][0].update(name=EVIL),
        "split": lambda: entry["metrics"]["splits"].update({EVIL: [{"budget": 1}]}),
        "figure": lambda: entry["metrics"]["splits"].update(
            test=[{"budget": 1, f"depth_{EVIL}": 1, "x": EVIL}]
        ),
        "floor": lambda: entry.update(budget_floor=EVIL),
        "curve": lambda: entry["metrics"]["splits"].update(test=[{"budget": None}, {}, []]),
    }
    changes[place]()
    with foreign_server(serving(changed, problem(detail=EVIL))) as (url, _):
        assert_plain(run_pag(*verb, PAG_SERVER=url))


def test_a_file_s_name_is_text(pag: Pag, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    write_photo(folder / f"{EVIL}.jpg", PHOTO)
    write_photo(folder / "\x1b[2J.png", b"no image")
    folder.joinpath(os.fsdecode(b"\xff\x9b31m.gif")).write_bytes(b"no image")
    for words in (["--dry-run"], [], ["--skip-existing"], ["--json"], ["--overwrite", "-q"]):
        ended = pag("parse", folder, "-o", tmp_path / "out", *words)
        assert r"\x1b[2J" in assert_plain(ended) or words == ["--json"]


@pytest.mark.process
def test_the_service_s_log_for_people_is_text(tmp_path: Path) -> None:
    write_model(tmp_path)
    with Process(PAG_WEIGHTS=str(tmp_path), PAG_LOG_FORMAT="console") as server:
        for path in ("/%1B%5B31m", "/%E2%80%AEexe", "/%C2%9B2J", "/%0Aroot%23"):
            server.client.get(path, timeout=GUARD_SECONDS)
        server.until(lambda: "root#" in server.log())
        log = server.log()
    assert all(character.isprintable() or character == "\n" for character in log), repr(log)
    assert not any(line.startswith("root#") for line in log.splitlines())


@pytest.mark.process
def test_a_model_s_folder_that_cannot_be_loaded_is_named_as_text(tmp_path: Path) -> None:
    folder = tmp_path / "\x1b[31m\u202e"
    folder.mkdir()
    folder.joinpath("manifest.json").write_text(json.dumps({EVIL: EVIL}))
    for verb in ("serve", "doctor", "models"):
        ended = start_pag(verb, PAG_WEIGHTS=str(tmp_path), PAG_PORT="0")
        assert ended.returncode
        assert r"\x1b[31m" in assert_plain(ended)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("PAG_SERVR", "PAG_SERVR is not a setting: did you mean PAG_SERVER?"),
        ("PAG_KEYS", "PAG_KEYS is not a setting: did you mean PAG_"),
        ("PAG_BUDGET", "PAG_BUDGET is not a setting"),
        ("PERFORATED_CONV_PRECISON", "did you mean PERFORATED_CONV_PRECISION?"),
    ],
)
def test_a_misspelt_variable_is_refused(name: str, words: str, pag: Pag, photo: Path, tmp_path: Path) -> None:
    for verb in (["models"], ["parse", photo, "-o", tmp_path / "out"]):
        for ended in (pag(*verb, **{name: "x"}), run_pag(*verb, **{name: "x"})):
            assert ended.returncode in (2, 3)
            assert words in ended.stderr.decode()
