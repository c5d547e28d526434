"""A map whose name stands nowhere in the code comes through every verb, by its kind alone."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image

from pag import read_npz
from service.model_folder.files import file_entry
from tests.support.command_line import PHOTO, Ended, files_below, run_pag
from tests.support.photographs import picture
from tests.support.servers import Serve
from tests.support.tiny_model import build_graph, map_entries, write_model

ENTRY = {"name": "rims", "kind": "probability", "output": "rims_share", "stride": 8}
SPLITS = {
    "val": [{"budget": 1.0, "share": 1.0, "rims_f1": 0.7}, {"budget": 0.5, "share": 0.5, "rims_f1": 0.6}]
}


@pytest.fixture(scope="module")
def server(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of the model tiny with one more map."""
    weights = tmp_path_factory.mktemp("weights")
    folder = write_model(
        weights, maps=[*map_entries(), ENTRY], metrics={"protocol": "made up", "splits": SPLITS}
    )
    _add_output(folder)
    with serve(weights=weights) as client:
        yield str(client.base_url)


def _add_output(folder: Path) -> None:
    model = build_graph()
    model.graph.node.append(helper.make_node("Sigmoid", ["grey"], ["rims_share"]))
    shape = ("N", "h", "w")
    model.graph.output.append(helper.make_tensor_value_info("rims_share", TensorProto.FLOAT, shape))
    onnx.save(model, folder / "model.onnx")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"] = {"model.onnx": file_entry(folder / "model.onnx").model_dump()}
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.fixture(scope="module")
def array(server: str) -> np.ndarray:
    """The map of the photograph, float32 [H,W]."""
    return read_npz(parse(server, "-", "-o", "-", "--format", "npz").stdout).maps["rims"]


def parse(server: str, *words: str | Path) -> Ended:
    ended = run_pag("parse", *words, "--server", server, stdin=PHOTO)
    assert ended.returncode == 0, ended.stderr
    return ended


def test_it_is_an_array_and_a_png_by_default(server: str, array: np.ndarray, tmp_path: Path) -> None:
    assert (array.dtype, array.shape) == (np.float32, (64, 96))
    assert 0 <= array.min() < array.max() <= 1
    parse(server, "-", "-o", tmp_path)
    names = ("json", *(f"{name}.png" for name in ("depth", "normals", "rims", "semantics")))
    assert files_below(tmp_path) == sorted(f"stdin.{name}" for name in names)
    pixels = np.asarray(Image.open(tmp_path / "stdin.rims.png"))
    assert np.abs(pixels - 255 * array).max() <= 0.51
    assert json.loads((tmp_path / "stdin.json").read_text())["maps"]["rims"]["kind"] == "probability"


def test_the_names_of_files_are_known_before_any_work(server: str, tmp_path: Path) -> None:
    planned = parse(server, "-", "-o", tmp_path, "--dry-run", "--json")
    outputs = json.loads(planned.stdout)["outputs"]
    names = [*(f"stdin.{name}.png" for name in ("semantics", "depth", "normals", "rims")), "stdin.json"]
    assert outputs == [str(tmp_path / name) for name in names]


def test_it_is_named_alone(server: str, array: np.ndarray, tmp_path: Path) -> None:
    words = ("-", "-o", "-", "--maps", "rims")
    pixels = np.asarray(Image.open(io.BytesIO(parse(server, *words).stdout)))
    assert np.abs(pixels - 255 * array).max() <= 0.51
    document = json.loads(parse(server, *words, "--format", "json").stdout)
    assert list(document["maps"]) == ["rims"]
    parse(server, "-", "-o", tmp_path / "overlay.png", "--format", "overlay")


@pytest.mark.parametrize(("view", "size"), [("rims", (96, 128)), ("side-by-side", (192, 384))])
def test_a_video_shows_it(server: str, tmp_path: Path, view: str, size: tuple[int, int]) -> None:
    film = cv2.VideoWriter(str(tmp_path / "film.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (128, 96))
    film.write(picture(96, 128))
    film.release()
    parse(server, tmp_path / "film.avi", "-o", tmp_path, "--view", view)
    read, frame = cv2.VideoCapture(str(tmp_path / f"film.{view}.mp4")).read()
    assert (read, frame.shape) == (True, (*size, 3))
    assert frame[-96:].std() > 0


def test_a_view_that_is_not_there_is_refused(server: str, tmp_path: Path) -> None:
    film = tmp_path / "film.avi"
    film.write_bytes(b"not read")
    ended = run_pag("parse", film, "-o", tmp_path / "out", "--view", "flow", "--server", server)
    assert (ended.returncode, b"no map flow" in ended.stderr, b"rims" in ended.stderr) == (4, True, True)


def test_models_and_bench_tell_it(server: str) -> None:
    said = run_pag("models", "--server", server).stdout.decode()
    assert "rims (probability)" in said
    assert "rims_f1" in said
    assert "0.700" in said
    words = ("bench", "--maps", "rims", "--seconds", "0.1", "--budgets", "1", "--json", "--server", server)
    assert json.loads(run_pag(*words).stdout)["rows"][0]["p50"] > 0
