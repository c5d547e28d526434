"""Photographs of every origin become the files that --help promises."""

from __future__ import annotations

import errno
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pag import Client, read_npz
from pag.cli.exit_codes import Stop
from pag.cli.inputs import find_sources
from tests.support.command_line import PHOTO, Pag, files_below, run_pag, start_pag, write_photo
from tests.support.photographs import encoded, picture
from tests.support.servers import bare_environment

MAPS = ("semantics", "depth", "normals")
PNG = b"\x89PNG\r\n\x1a\n"


def test_a_photograph_becomes_its_maps(pag: Pag, photo: Path, tmp_path: Path, url: str) -> None:
    ended = pag("parse", photo, "-o", tmp_path / "out", "--budget", "0.5")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == b""
    assert files_below(tmp_path / "out") == sorted(["photo.json", *(f"photo.{name}.png" for name in MAPS)])
    with Client(url) as client:
        expected = client.files(PHOTO, budget=0.5)
    for name in MAPS:
        assert (tmp_path / "out" / f"photo.{name}.png").read_bytes() == expected[f"{name}.png"]
    meta = json.loads((tmp_path / "out" / "photo.json").read_text())
    assert meta["budget"]["requested"] == 0.5
    assert meta["maps"]["depth"]["file"] == "photo.depth.png"


@pytest.mark.process
def test_in_this_process_and_by_a_server_the_files_are_equal(
    pag: Pag, photo: Path, tmp_path: Path, weights: Path
) -> None:
    alone = start_pag("parse", photo, "-o", tmp_path / "a", PAG_WEIGHTS=str(weights))
    assert alone.returncode == 0, alone.stderr
    assert b"1 done" in alone.stderr
    assert len(alone.stderr.splitlines()) == 2, "the service's own logs do not belong there"
    assert pag("parse", photo, "-o", tmp_path / "b").returncode == 0
    assert files_below(tmp_path / "a") == files_below(tmp_path / "b")
    for name in MAPS:
        one, other = ((tmp_path / folder / f"photo.{name}.png").read_bytes() for folder in "ab")
        assert one == other


def test_every_format(pag: Pag, photo: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for kind in ("npz", "overlay", "json"):
        assert pag("parse", photo, "-o", out, "--format", kind).returncode == 0
    assert files_below(out) == ["photo.json", "photo.npz", "photo.overlay.png"]
    assert set(read_npz((out / "photo.npz").read_bytes()).maps) == set(MAPS)
    assert set(json.loads((out / "photo.json").read_text())["maps"]) == set(MAPS)
    assert (out / "photo.overlay.png").read_bytes().startswith(PNG)


@pytest.mark.parametrize(
    ("name", "words"),
    [("d.png", ["--maps", "depth"]), ("o.png", ["--format", "overlay"]), ("m.npz", []), ("m.json", [])],
)
def test_one_file_by_its_name(pag: Pag, photo: Path, tmp_path: Path, name: str, words: list[str]) -> None:
    assert pag("parse", photo, "-o", tmp_path / "new" / name, *words).returncode == 0
    assert files_below(tmp_path / "new") == [name]


def test_standard_input_to_standard_output(pag: Pag, url: str) -> None:
    depth = pag("parse", "-", "-o", "-", "--maps", "depth", stdin=PHOTO)
    with Client(url) as client:
        assert depth.stdout == client.files(PHOTO, maps="depth")["depth.png"]
    overlay = pag("parse", "-", "-o", "-", "--format", "overlay", "-q", stdin=PHOTO)
    assert overlay.stdout.startswith(PNG)
    assert overlay.stderr == b""
    arrays = np.load(io.BytesIO(pag("parse", "-", "-o", "-", "--format", "npz", stdin=PHOTO).stdout))
    assert arrays["depth"].shape == (64, 96)


def test_options_reach_the_server(pag: Pag, photo: Path, tmp_path: Path) -> None:
    words = ("--budget", "0.6", "--maps", "depth,computed", "--size", "model", "--model", "tiny")
    assert pag("parse", photo, "-o", tmp_path / "out", *words).returncode == 0
    assert files_below(tmp_path / "out") == ["photo.computed.png", "photo.depth.png", "photo.json"]
    meta = json.loads((tmp_path / "out" / "photo.json").read_text())
    assert (meta["size"]["mode"], meta["budget"]["used"]) == ("model", 0.6)


def test_folders_keep_their_tree(pag: Pag, tmp_path: Path) -> None:
    root = tmp_path / "in"
    for place in ("a.jpg", "b c/ä ö.jpg", "b c/d/a.jpg", ".hidden.jpg"):
        write_photo(root / place)
    (root / "notes.txt").write_text("no photograph")
    words = ("parse", root, "-o", root / "maps", "--format", "npz")
    assert pag(*words, "--recursive").returncode == 0
    assert files_below(root / "maps") == ["a.npz", "b c/d/a.npz", "b c/ä ö.npz"]
    # Again, over the folder that now holds maps: those are no photographs.
    again = pag(*words, "--recursive", "--overwrite", "--json")
    assert len(again.stdout.splitlines()) == 3
    assert pag("parse", root, "-o", tmp_path / "flat", "--format", "npz").returncode == 0
    assert files_below(tmp_path / "flat") == ["a.npz"]


def test_maps_beside_their_photographs_are_not_parsed_again(pag: Pag, photo: Path) -> None:
    folder = photo.parent
    assert pag("parse", folder, "-o", folder).returncode == 0
    again = pag("parse", folder, "-o", folder, "--skip-existing", "--json")
    assert [json.loads(line) for line in again.stdout.splitlines()] == [
        {"input": str(photo), "status": "skipped"}
    ]


def test_a_document_beside_a_photograph_that_is_none_of_pag_s_is_passed_over(
    photo: Path, tmp_path: Path
) -> None:
    folder = photo.parent
    write_photo(folder / "deep.b.png").with_name("deep.json").write_bytes(b"[" * 10**5)
    os.mkfifo(write_photo(folder / "pipe.b.png").with_name("pipe.json"))
    planned = run_pag("parse", folder, "-o", tmp_path / "out", "--dry-run").stdout.decode().splitlines()
    assert len([line for line in planned if "json" in line]) == 3


def test_a_quoted_pattern(pag: Pag, tmp_path: Path) -> None:
    for place in ("in/x/1.jpg", "in/x/2.jpg", "in/y/3.jpg", "in/y/4.png"):
        write_photo(tmp_path / place)
    assert pag("parse", f"{tmp_path}/in/**/*.jpg", "-o", tmp_path / "out", "--format", "npz").returncode == 0
    assert files_below(tmp_path / "out") == ["1.npz", "2.npz", "3.npz"]


def test_a_pattern_passes_over_what_pag_wrote(photo: Path, tmp_path: Path) -> None:
    for name in ("photo.depth.png", "photo.overlay.png", "empty/notes.txt", "sub/other.jpg"):
        write_photo(photo.parent / name)
    write_photo(photo.parent / "photo.json", b'{"maps": {"depth": {}}}')
    for pattern, names in (("*.*", {"photo"}), ("**", {"photo", "other"}), ("*", {"photo", "other"})):
        words = ("parse", photo.parent / pattern, "-o", tmp_path / "out", "--format", "npz", "--dry-run")
        planned = run_pag(*words).stdout.decode().splitlines()
        assert {Path(line.split(" -> ")[1]).stem for line in planned} == names
        assert len(planned) == len(names)


@pytest.mark.process
def test_who_reads_no_further_ends_it_quietly(photo: Path, tmp_path: Path, url: str) -> None:
    for words in ((photo, "-o", tmp_path / "out", "--json", "-q"), (photo, "-o", "-", "--format", "npz")):
        ours, theirs = os.pipe()
        os.close(ours)
        command = [sys.executable, "-m", "pag", "parse", *map(str, words), "--server", url]
        ended = subprocess.run(
            command, env=bare_environment(), stdout=theirs, stderr=subprocess.PIPE, check=False
        )
        os.close(theirs)
        assert (ended.returncode, ended.stderr) == (141, b"")


def test_inputs_of_the_same_name_stay_apart(pag: Pag, tmp_path: Path) -> None:
    inputs = [write_photo(tmp_path / place) for place in ("x/p.jpg", "y/p.jpg", "y/q.jpg")]
    inputs.append(write_photo(tmp_path / "y" / "q.png", encoded(picture(64, 64))))
    assert pag("parse", *inputs, inputs[0], "-o", tmp_path / "out", "--format", "npz").returncode == 0
    assert files_below(tmp_path / "out") == ["q.jpg.npz", "q.png.npz", "x/p.npz", "y/p.npz"]


def test_a_broken_photograph_among_good_ones(pag: Pag, tmp_path: Path) -> None:
    good = [write_photo(tmp_path / f"{number}.jpg") for number in range(3)]
    broken = write_photo(tmp_path / "broken.jpg", PHOTO[: len(PHOTO) // 2])
    no_photo = write_photo(tmp_path / "text.jpg", b"hello")
    ended = pag("parse", good[0], broken, good[1], no_photo, good[2], "-o", tmp_path / "out", "--json")
    assert ended.returncode == 1
    assert [name for name in files_below(tmp_path / "out") if name.endswith(".json")] == [
        f"{number}.json" for number in range(3)
    ]
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [line["status"] for line in lines] == ["done", "failed", "done", "failed", "done"]
    assert lines[1]["problem"]["type"] == "urn:problem-type:undecodable-image"
    assert lines[0]["outputs"] == [str(tmp_path / "out" / f"0.{name}.png") for name in MAPS] + [
        str(tmp_path / "out" / "0.json")
    ]
    assert lines[0]["budget"]["used"] == 1
    errors = [line for line in ended.stderr.decode().splitlines() if line.startswith("pag: ")]
    assert [line.split(": ")[1] for line in errors] == [str(broken), str(no_photo)]
    assert "convert it to JPEG or PNG" in errors[1]


def test_a_link_to_nothing_fails_by_its_name(pag: Pag, photo: Path, tmp_path: Path) -> None:
    (photo.parent / "lost.jpg").symlink_to(tmp_path / "nowhere.jpg")
    ended = pag("parse", photo.parent, "-o", tmp_path / "out")
    assert (ended.returncode, b"lost.jpg: No such file" in ended.stderr) == (1, True), ended.stderr


@pytest.mark.parametrize("words", [[], ["--recursive"]])
def test_what_cannot_be_looked_into_is_said(photo: Path, tmp_path: Path, words: list[str]) -> None:
    name = "x" * 300 + ".jpg"
    ended = run_pag("parse", photo, name, "-o", tmp_path / "out", *words)
    assert (ended.returncode, b"name too long; nothing was done" in ended.stderr) == (2, True), ended.stderr


def test_a_folder_below_that_cannot_be_read_is_said(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The superuser, who runs tests in many a container, may read all folders.
    def scandir(folder: object) -> Iterator[object]:
        raise PermissionError(errno.EACCES, "Permission denied", str(folder))

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(Stop, match="in: Permission denied; nothing was done"):
        find_sources([str(photo.parent)], recursive=True)


def test_what_is_there_is_written_over_only_when_told(pag: Pag, photo: Path, tmp_path: Path) -> None:
    words = ("parse", photo, "-o", tmp_path / "out", "--maps", "depth")
    assert pag(*words).returncode == 0
    depth = tmp_path / "out" / "photo.depth.png"
    depth.write_bytes(b"mine")
    refused = pag(*words)
    assert (refused.returncode, b"--overwrite or --skip-existing" in refused.stderr) == (2, True)
    assert pag(*words, "--skip-existing").returncode == 0
    assert depth.read_bytes() == b"mine"
    assert pag(*words, "--overwrite").returncode == 0
    assert depth.read_bytes().startswith(PNG)
    # Another map of the same photograph is not there yet.
    assert pag("parse", photo, "-o", tmp_path / "out", "--maps", "normals", "--skip-existing").returncode == 0
    assert (tmp_path / "out" / "photo.normals.png").exists()


def test_a_dry_run_only_tells(photo: Path, tmp_path: Path) -> None:
    ended = run_pag("parse", photo, "-o", tmp_path / "out", "--format", "npz", "--dry-run")
    assert ended.stdout.decode() == f"{photo} -> {tmp_path / 'out' / 'photo.npz'}\n"
    assert not (tmp_path / "out").exists()


def test_inputs_are_never_written_over(pag: Pag, tmp_path: Path) -> None:
    taken = write_photo(tmp_path / "photo.depth.png", encoded(picture(64, 64)))
    write_photo(tmp_path / "photo.jpg")
    words = ("parse", taken, tmp_path / "photo.jpg", "-o", tmp_path, "--maps", "depth", "--overwrite")
    ended = pag(*words)
    assert (ended.returncode, b"would overwrite the input" in ended.stderr) == (2, True)


@pytest.mark.process
def test_a_terminal_gets_a_bar(photo: Path, tmp_path: Path, url: str) -> None:
    ours, theirs = os.openpty()
    words = ["parse", str(photo), "-o", str(tmp_path / "out"), "--server", url]
    environment = {**bare_environment(), "TERM": "xterm"}
    process = subprocess.Popen([sys.executable, "-m", "pag", *words], env=environment, stderr=theirs)
    os.close(theirs)
    said = b""
    try:
        while part := os.read(ours, 65536):
            said += part
    except OSError:  # so a terminal ends on Linux
        pass
    os.close(ours)
    assert process.wait() == 0
    assert b"photographs" in said
    assert b"budget 1.00" in said


@pytest.mark.process
def test_a_place_that_takes_no_files_is_said_before_any_work(photo: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file where the folder should be")
    # Nobody listens there: whoever asked first would say so.
    ended = start_pag("parse", photo, "-o", tmp_path / "out", "--server", "127.0.0.1:1")
    assert ended.returncode == 2
    assert ended.stderr.decode().startswith(f"pag: {tmp_path / 'out'}: Not a directory")
    full = start_pag("parse", photo, "-o", tmp_path / "new", "--server", "127.0.0.1:1", file_bytes=1024)
    assert (full.returncode, b"nothing was done" in full.stderr) == (2, True), full.stderr
    assert files_below(tmp_path) == ["in/photo.jpg", "out"]


@pytest.mark.process
def test_a_full_disk_ends_the_work_and_is_blamed_itself(url: str, tmp_path: Path) -> None:
    small = write_photo(tmp_path / "a.jpg")
    large = [write_photo(tmp_path / f"{name}.jpg", encoded(picture(480, 640))) for name in "bcdef"]
    words = ("parse", small, *large, "-o", tmp_path / "out", "--jobs", "1", "--server", url)
    ended = start_pag(*words, file_bytes=32768)
    assert ended.returncode == 1
    (said,) = [line for line in ended.stderr.decode().splitlines() if line.startswith("pag: ")]
    assert said.startswith(f"pag: {tmp_path / 'out' / 'b'}: File too large; finished files stay")
    # All of a photograph's files or none.
    assert {name.split(".")[0] for name in files_below(tmp_path / "out")} == {"a"}
