"""Every way to end has its code and one message that names the fix."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pag.cli.app import VERBS
from pag.cli.exit_codes import MEANINGS, code_of_all
from tests.support.command_line import Pag, files_below, run_pag, start_pag, write_photo
from tests.support.photographs import encoded, picture
from tests.support.servers import GUARD_SECONDS, Serve, bare_environment
from tests.support.tiny_model import write_model


def test_the_table_is_in_the_help() -> None:
    # `pag export --help` is that of the program to which it hands over.
    for words in ([], *([verb] for verb in VERBS if verb != "export")):
        said = run_pag(*words, "--help").stdout.decode()
        for code, meaning in MEANINGS.items():
            assert f"{code:>3}  {meaning}" in said, words


@pytest.mark.parametrize(
    ("words", "fix"),
    [
        (["parse"], "Missing argument"),
        (["parse", "PHOTO"], "--out"),
        (["parse", "/nonexistent.jpg", "-o", "OUT"], "there is no such file"),
        (["parse", "/nonexistent/*.jpg", "-o", "OUT"], "there is no such file"),
        (["parse", "OUT", "-o", "OUT"], "no photograph in this folder"),
        (["parse", "PHOTO", "-o", "OUT", "--budget", "1.5"], "1.5 is no share: more than 0 and at most 1"),
        (["parse", "PHOTO", "-o", "OUT", "--budget", "abc"], "abc is no share: more than 0"),
        (["parse", "PHOTO", "-o", "OUT", "--overwrite", "--skip-existing"], "not both"),
        (["parse", "PHOTO", "-o", "OUT", "--format", "jpg"], "'--format': 'jpg' is not one of 'png', 'npz'"),
        (
            ["parse", "PHOTO", "-o", "OUT", "--size", "full"],
            "'--size': 'full' is not one of 'input', 'model'",
        ),
        (["parse", "PHOTO", "-o", "OUT/x.png"], "name it with --maps"),
        (["parse", "PHOTO", "-o", "-"], "name it with --maps"),
        (["parse", "PHOTO", "-o", "OUT/x.mp4"], "name for a video"),
        (["parse", "PHOTO", "-o", "OUT/x.npz", "--format", "json"], "does not fit the name"),
        (["parse", "PHOTO", "-o", "-", "--json", "--format", "npz"], "both take standard output"),
        (["parse", "PHOTO", "OTHER", "-o", "OUT/x.npz"], "takes one input, not 2"),
        (["parse", "PHOTO", "-o", "OUT", "--tasks", "depth"], "--tasks is called --maps now: --maps depth"),
        (["bench", "--tasks", "depth"], "--tasks is called --maps now: --maps depth"),
        (["parse", "PHOTO", "-o", "OUT", "--server", "ftp://x"], "http://HOST:PORT"),
        (["parse", "PHOTO", "-o", "OUT/x.jpg"], "no .jpg is written; a photograph becomes .npz, .json, .png"),
        (["parse", "PHOTO", "-o", "OUT", "--seconds", "1"], "are of videos"),
        (["parse", "PHOTO", "-o", "OUT", "--server", "http://127.0.0.1:1", "--weights", "x"], "leave it or"),
        (["bench", "--budgets", "2"], "2 is no share"),
        (["bench", "--image", "/nonexistent.jpg"], "No such file"),
    ],
)
def test_2_wrong_usage(words: list[str], fix: str, photo: Path, tmp_path: Path) -> None:
    places = {"PHOTO": photo, "OTHER": write_photo(tmp_path / "other.jpg"), "OUT": tmp_path / "out"}
    (tmp_path / "out").mkdir()
    filled = [next((w.replace(k, str(v)) for k, v in places.items() if w.startswith(k)), w) for w in words]
    ended = run_pag(*filled)
    said = ended.stderr.decode()
    assert (ended.returncode, fix in said, "Traceback" in said) == (2, True, False), said
    assert ended.stdout == b""


@pytest.mark.process
def test_2_serve_cannot_start() -> None:
    ended = start_pag("serve", "--weights", "/nonexistent")
    assert (ended.returncode, b"PAG_WEIGHTS" in ended.stderr) == (2, True), ended.stderr


def test_3_nobody_there(photo: Path, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        server = f"http://127.0.0.1:{probe.getsockname()[1]}"
        ended = run_pag("parse", photo, "-o", tmp_path / "out", "--server", server)
    assert ended.returncode == 3
    assert server in ended.stderr.decode()
    assert b"pag serve" in ended.stderr


@pytest.mark.process
def test_models_of_the_checkout_are_found_from_any_folder(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert b"efficientnet_lite0-nyuv2" in start_pag("models").stdout
    # A folder of one's own comes first.
    (tmp_path / "weights").mkdir()
    assert b"no model" in start_pag("models").stderr


@pytest.mark.process
def test_3_it_cannot_start(photo: Path, tmp_path: Path) -> None:
    ended = start_pag("parse", photo, "-o", tmp_path / "out", "--weights", tmp_path / "none")
    assert ended.returncode == 3
    said = ended.stderr.decode()
    assert said.startswith(
        f"pag: the service cannot start: weights folder {tmp_path / 'none'} does not exist"
    )
    assert said.endswith("or point PAG_WEIGHTS at it\n")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--model", "huge"], "loaded: tiny"),
        (["--maps", "flow"], "flow"),
        (["--min-budget", "0.9"], "0.9"),
    ],
)
def test_4_refused_as_a_whole(words: list[str], told: str, pag: Pag, photo: Path, tmp_path: Path) -> None:
    other = write_photo(tmp_path / "other.jpg")
    ended = pag("parse", photo, other, "-o", tmp_path / "out", "--budget", "0.5", *words)
    assert ended.returncode == 4
    assert told in ended.stderr.decode()
    assert len(ended.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "words", [["parse", "PHOTO", "-o", "OUT"], ["parse", "PHOTO", "-o", "OUT/x.npz"], ["bench"]]
)
def test_4_of_several_models_one_is_named(
    words: list[str], serve: Serve, photo: Path, tmp_path: Path
) -> None:
    write_model(tmp_path / "weights", "a")
    write_model(tmp_path / "weights", "b")
    (tmp_path / "out").mkdir()
    places = {"PHOTO": str(photo), "OUT": str(tmp_path / "out"), "OUT/x.npz": str(tmp_path / "out" / "x.npz")}
    with serve(weights=tmp_path / "weights") as http:
        ended = run_pag(*[places.get(word, word) for word in words], "--server", str(http.base_url))
    said = ended.stderr.decode()
    for part in ("none answers by default", "a, b", "--model NAME", "PAG_MODEL=NAME"):
        assert part in said
    assert ended.returncode == 4


def test_4_a_key_is_asked_for(serve: Serve, photo: Path, tmp_path: Path) -> None:
    with serve(api_keys="the-key-of-this-server") as client:
        words = ("parse", photo, "-o", tmp_path / "out", "--server", str(client.base_url))
        refused = run_pag(*words)
        assert (refused.returncode, b"--key or PAG_KEY" in refused.stderr) == (4, True)
        wrong = run_pag(*words, PAG_KEY="another")
        assert (wrong.returncode, b"key is none of the server's" in wrong.stderr) == (4, True)
        assert run_pag(*words, PAG_KEY="the-key-of-this-server").returncode == 0


def test_5_the_deadline_cannot_be_met(pag: Pag, photo: Path, tmp_path: Path) -> None:
    ended = pag("parse", photo, "-o", tmp_path / "out", "--deadline-ms", "0.01")
    assert ended.returncode == 5
    assert b"raise --deadline-ms" in ended.stderr
    assert b"deadline_ms" not in ended.stderr


def test_an_empty_file_is_told_in_words_for_files(pag: Pag, photo: Path, tmp_path: Path) -> None:
    empty = write_photo(tmp_path / "empty.jpg", b"")
    ended = pag("parse", photo, empty, "-o", tmp_path / "out")
    assert (ended.returncode, b"empty.jpg: the file is empty: copy it anew" in ended.stderr) == (1, True)


@pytest.mark.process
@pytest.mark.parametrize(
    ("server", "code", "told"),
    [
        ("URL/foo/", 4, "is there a path too much in it"),
        ("https://HOST", 3, "http:// instead of https://"),
        (" URL", 0, ""),
    ],
)
def test_mistakes_in_the_address(server: str, code: int, told: str, url: str) -> None:
    given = server.replace("URL", url).replace("HOST", url.removeprefix("http://"))
    # In this process the server's own warning would stand beside the message.
    ended = start_pag("models", "--server", given)
    assert (ended.returncode, told in ended.stderr.decode()) == (code, True), ended.stderr
    assert len(ended.stderr.splitlines()) <= 1


def test_the_table_of_the_guide_is_that_of_the_help() -> None:
    page = Path(__file__).parents[3] / "docs" / "guide" / "command_line.md"
    rows = "\n".join(f"| {code} | {meaning} |" for code, meaning in MEANINGS.items())
    assert f"{rows}\n\n" in page.read_text(encoding="utf-8"), rows


def test_5_only_if_nothing_else_failed() -> None:
    assert code_of_all({0}) == 0
    assert code_of_all({0, 5}) == 5
    assert code_of_all({0, 1, 5}) == 1


@pytest.mark.process
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_told_to_end_it_ends_at_once_and_keeps_what_is_done(
    number: signal.Signals, code: int, tmp_path: Path
) -> None:
    write_model(tmp_path / "weights", slow_nodes=20)
    first = write_photo(tmp_path / "in" / "0.jpg")
    large = encoded(picture(480, 640), "JPEG")
    others = [write_photo(tmp_path / "in" / f"{count}.jpg", large) for count in range(1, 60)]
    out, temporary = tmp_path / "out", tmp_path / "temporary"
    temporary.mkdir()
    words = ["parse", str(first), *map(str, others), "-o", str(out), "--weights", str(tmp_path / "weights")]
    process = subprocess.Popen(
        [sys.executable, "-m", "pag", *words],
        env={**bare_environment(), "TMPDIR": str(temporary)},
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + GUARD_SECONDS
    while not (out / "0.json").exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    begun = time.monotonic()
    process.send_signal(number)
    _, said = process.communicate(timeout=GUARD_SECONDS)
    assert process.returncode == code, said
    assert b"Traceback" not in said
    assert time.monotonic() - begun < 30
    names = files_below(out)
    assert "0.depth.png" in names
    assert len(names) < 240
    assert not [name for name in names if name.endswith(".part")]
    assert list(temporary.glob("pag-*")) == []
