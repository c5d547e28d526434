"""Videos become videos of maps: every frame of a file, the newest frames of a camera."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from pag.cli.video_files import Reader, Writer
from tests.support.command_line import Pag, files_below, run_pag, start_pag, write_photo
from tests.support.photographs import picture

FRAMES, RATE = 24, 12.0
FAULTS = Path(__file__).parent / "faults"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of a moving picture."""
    path = tmp_path_factory.mktemp("clip") / "my film.avi"
    pixels = picture(96, 128)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), RATE, (128, 96))
    for number in range(FRAMES):
        writer.write(np.ascontiguousarray(np.roll(pixels, 4 * number, 1)))
    writer.release()
    return path


def read(path: Path) -> tuple[list[np.ndarray], float]:
    capture = cv2.VideoCapture(str(path))
    frames = []
    while (got := capture.read())[0]:
        frames.append(got[1])
    return frames, capture.get(cv2.CAP_PROP_FPS)


def test_every_frame_in_order_at_the_same_rate(pag: Pag, clip: Path, tmp_path: Path) -> None:
    ended = pag("parse", clip, "-o", tmp_path / "maps.mp4", "--json", "--budget", "0.5")
    assert ended.returncode == 0, ended.stderr
    frames, rate = read(tmp_path / "maps.mp4")
    assert (len(frames), rate) == (FRAMES, RATE)
    assert frames[0].shape == (96, 128, 3)
    line = json.loads(ended.stdout)
    assert (line["frames"], line["frames_without_answer"], line["outputs"]) == (
        FRAMES, 0, [str(tmp_path / "maps.mp4")],
    )  # fmt: skip
    assert b"mean budget used 0.50" in ended.stderr
    # The picture moves by the same step from frame to frame, so does its overlay.
    originals, _ = read(clip)
    distance = [np.abs(frames[i].astype(int) - originals[i]).mean() for i in (0, FRAMES - 1)]
    crossed = np.abs(frames[0].astype(int) - originals[FRAMES // 2]).mean()
    assert max(distance) < crossed


@pytest.mark.parametrize("ending", [".mp4", ".avi", ".webm"])
def test_an_odd_row_and_column_are_kept(tmp_path: Path, ending: str) -> None:
    writer = Writer(tmp_path / f"odd{ending}", RATE)
    pixels = picture(75, 101)
    writer.write(pixels)
    writer.finish()
    frames, _ = read(tmp_path / f"odd{ending}")
    assert frames[0].shape == (76, 102, 3)
    assert np.abs(frames[0][:75, :101, ::-1].astype(int) - pixels).mean() < 12


def test_uneven_frames_are_said_and_even_ones_are_not(pag: Pag, clip: Path, tmp_path: Path) -> None:
    ended = pag("parse", FAULTS / "vfr.mp4", "-o", tmp_path / "maps.mp4", "--json")
    assert ended.returncode == 0, ended.stderr
    assert "variable frame rate" in json.loads(ended.stdout)["note"]
    for even in (clip, FAULTS / "odd.mp4"):
        ended = pag("parse", even, "-o", tmp_path / f"{even.stem}.mp4", "--json")
        assert "note" not in json.loads(ended.stdout)
    frames, _ = read(tmp_path / "odd.mp4")
    assert (len(frames), frames[0].shape) == (12, (76, 102, 3))


@pytest.mark.parametrize("view", ["semantics", "depth", "normals", "side-by-side"])
def test_views_into_a_folder(pag: Pag, clip: Path, tmp_path: Path, view: str) -> None:
    assert pag("parse", clip, "-o", tmp_path, "--view", view, "--seconds", "0.5").returncode == 0
    assert files_below(tmp_path) == [f"my film.{view}.mp4"]
    frames, _ = read(tmp_path / f"my film.{view}.mp4")
    assert len(frames) == RATE * 0.5
    scale = 2 if view == "side-by-side" else 1
    assert frames[0].shape == (96 * scale, 128 * scale, 3)
    assert frames[0].std() > 0


@pytest.mark.process
def test_without_a_server_and_with_small_maps(clip: Path, tmp_path: Path, weights: Path) -> None:
    words = ("parse", clip, "-o", tmp_path / "m.avi", "--size", "model", "--view", "depth")
    ended = start_pag(*words, "--weights", weights)
    assert ended.returncode == 0, ended.stderr
    assert len(read(tmp_path / "m.avi")[0]) == FRAMES


def test_a_camera_gives_its_newest_frame(pag: Pag, clip: Path, tmp_path: Path) -> None:
    # A file read as a camera is one that is far too fast: most of its frames are never parsed.
    ended = pag("parse", f"camera:{clip}", "-o", tmp_path / "live.mp4", "--json")
    assert ended.returncode == 0, ended.stderr
    assert 1 <= json.loads(ended.stdout)["frames"] <= FRAMES


def test_a_slow_taker_gets_the_newest(clip: Path) -> None:
    reader = Reader(str(clip))
    newest = reader.newest()
    _, first = next(newest)
    time.sleep(1)
    _, second = next(newest)
    last = read(clip)[0][-1]
    assert np.array_equal(second, cv2.cvtColor(last, cv2.COLOR_BGR2RGB))
    assert not np.array_equal(first, second)
    assert list(newest) == []
    reader.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "camera"]


def test_a_photograph_and_a_video(pag: Pag, photo: Path, clip: Path, tmp_path: Path) -> None:
    assert pag("parse", clip, photo, "-o", tmp_path / "out", "--seconds", "0.2").returncode == 0
    names = files_below(tmp_path / "out")
    assert {"my film.overlay.mp4", "photo.depth.png"} <= set(names)


@pytest.mark.process
def test_a_full_disk_is_a_failure_and_leaves_no_file(url: str, clip: Path, tmp_path: Path) -> None:
    ended = start_pag("parse", clip, "-o", tmp_path / "maps.mp4", "--server", url, file_bytes=8192)
    said = ended.stderr.decode()
    assert (ended.returncode, "is there space left on the disk?" in said) == (1, True), said
    assert files_below(tmp_path) == []


def test_a_video_that_is_cut_short_is_partial(pag: Pag, clip: Path, tmp_path: Path) -> None:
    data = clip.read_bytes()
    short = write_photo(tmp_path / "in" / "short.avi", data[: len(data) // 3])
    assert cv2.VideoCapture(str(short)).get(cv2.CAP_PROP_FRAME_COUNT) == FRAMES
    ended = pag("parse", short, "-o", tmp_path / "maps.mp4", "--json", "-q")
    line = json.loads(ended.stdout)
    assert (ended.returncode, line["status"]) == (1, "partial")
    assert 0 < line["frames"] < FRAMES / 2
    assert len(read(tmp_path / "maps.mp4")[0]) == line["frames"]
    assert b"the file is cut short; the others are in" in ended.stderr


def test_a_video_without_any_answer_is_a_failure(pag: Pag, clip: Path, tmp_path: Path) -> None:
    ended = pag("parse", clip, "-o", tmp_path / "maps.mp4", "--json", "--deadline-ms", "0.01")
    assert (ended.returncode, json.loads(ended.stdout)["status"]) == (5, "failed"), ended.stderr
    assert b"raise --deadline-ms" in ended.stderr
    assert files_below(tmp_path) == []


@pytest.mark.parametrize("text", ["camera:97", "camera:", "camera:abc"])
def test_a_camera_that_is_not_there(tmp_path: Path, text: str) -> None:
    ended = run_pag("parse", text, "-o", tmp_path / "out")
    said = ended.stderr.decode()
    assert (ended.returncode, f"{text}: there is no such camera; on this machine: " in said) == (2, True), (
        said
    )


def test_a_folder_with_only_videos(clip: Path, tmp_path: Path) -> None:
    ended = run_pag("parse", clip.parent, "-o", tmp_path / "out")
    assert (ended.returncode, b"1 videos in it: name them" in ended.stderr) == (2, True), ended.stderr


def test_what_is_no_video(pag: Pag, tmp_path: Path) -> None:
    text = str(write_photo(tmp_path / "broken.mp4", b"hello"))
    ended = pag("parse", text, "-o", tmp_path / "out")
    said = ended.stderr.decode()
    assert (ended.returncode, "cannot be opened as a video" in said) == (1, True), said
    assert len([line for line in said.splitlines() if "done" not in line]) == 1
    assert files_below(tmp_path / "out") == []


@pytest.mark.parametrize(
    ("words", "fix"),
    [
        (["-o", "-"], "-o maps.mp4"),
        (["-o", "x.png"], "is a video"),
        (["-o", "x.mp4", "--maps", "depth"], "--view"),
    ],
)
def test_wrong_usage(clip: Path, words: list[str], fix: str) -> None:
    ended = run_pag("parse", clip, *words)
    assert (ended.returncode, fix in ended.stderr.decode()) == (2, True)
