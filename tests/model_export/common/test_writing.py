"""Whatever moment a writer is killed at, its files are the old ones or the new ones."""

from __future__ import annotations

import json
import shutil
import stat
from pathlib import Path

import pytest

from model_export.common import writing
from model_export.common.writing import put_back, replacing, replacing_folder, write_text
from service.model_folder.files import model_folders, read_model
from tests.support.killing import killed
from tests.support.tiny_model import write_model


@pytest.fixture
def sources(tmp_path: Path) -> list[Path]:
    """Two models to be written again and again."""
    return [write_model(tmp_path / "sources" / str(n), version=f"1.0.{n}", slow_nodes=n) for n in (0, 1)]


def left_over(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


@pytest.mark.process
@pytest.mark.parametrize("exchange", [True, False])
def test_a_model_folder_is_whole_after_every_kill(
    tmp_path: Path, sources: list[Path], exchange: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not exchange:
        monkeypatch.setattr(writing, "_exchange", lambda *_: False)
    folder = tmp_path / "weights" / "tiny"

    def write(number: int) -> None:
        with replacing_folder(folder) as partial:
            shutil.copytree(sources[number % 2], partial, dirs_exist_ok=True)

    write(0)
    for _ in range(20):
        killed(write)
        if not exchange:
            put_back(folder)
        manifest, _ = read_model(folder)
        assert manifest.version in {"1.0.0", "1.0.1"}
        assert model_folders(folder.parent) == [folder], "what is left over is no model"
    write(0)
    assert left_over(folder.parent) == [], "the next writer cleans up"


@pytest.mark.process
def test_a_file_is_old_or_new_after_every_kill(tmp_path: Path) -> None:
    path = tmp_path / "result.json"

    def write(number: int) -> None:
        write_text(path, json.dumps([number] * 100_000))

    write(0)
    for _ in range(10):
        killed(write)
        values = json.loads(path.read_text())
        assert len(values) == 100_000 and len(set(values)) == 1
    write(0)
    assert left_over(tmp_path) == []


def test_a_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    path, folder = tmp_path / "a.txt", tmp_path / "folder"
    write_text(path, "old")
    with replacing_folder(folder) as partial:
        (partial / "b.txt").write_text("old")
    with pytest.raises(OSError, match="full"), replacing(path) as partial:
        partial.write_text("ne")
        raise OSError("disk full")
    with pytest.raises(OSError, match="full"), replacing_folder(folder) as partial:
        (partial / "b.txt").write_text("ne")
        raise OSError("disk full")
    assert path.read_text() == (folder / "b.txt").read_text() == "old"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.txt", "folder"]


def test_a_folder_is_new_as_a_whole_and_may_be_read_by_all(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    for name in ("a", "b"):
        with replacing_folder(folder) as partial:
            write_text(partial / name, name)
    assert [path.name for path in folder.iterdir()] == ["b"]
    plain = tmp_path / "plain"
    plain.mkdir()
    (plain / "b").touch()
    for made, usual in ((folder, plain), (folder / "b", plain / "b")):
        assert stat.S_IMODE(made.stat().st_mode) == stat.S_IMODE(usual.stat().st_mode)


def test_links_stay_links(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with replacing_folder(tmp_path / "link") as partial:
        (partial / "a").touch()
    write_text(tmp_path / "real" / "a", "new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "link" / "a").read_text() == "new"


def test_writers_at_work_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with replacing(path) as first:
        first.write_text("first")
        write_text(path, "second")
        assert first.exists()
    assert path.read_text() == "first"
    assert left_over(tmp_path) == []
