"""What is loaded is what was verified: plain files, each listed in the manifest."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import external_data_helper

from service.engine.loading import load_models
from service.engine.resources import resolve_resources
from service.errors import StartupError
from service.model_folder.files import MANIFEST_BYTES, file_entry
from service.settings import Settings
from tests.support.photographs import PHOTO
from tests.support.servers import bare_environment, running_server
from tests.support.tiny_model import write_model

WEIGHTS = "weights.bin"


def load(weights: Path) -> None:
    settings = Settings(weights=weights)
    load_models(settings, resolve_resources(settings))


def with_weights_beside(folder: Path, *, listed: bool) -> np.ndarray:
    """Move the weights of the graph into a file of their own; their values."""
    path = folder / "model.onnx"
    model = onnx.load(path)
    (weights,) = [each for each in model.graph.initializer if each.name == "weights"]
    values = onnx.numpy_helper.to_array(weights)
    external_data_helper.set_external_data(weights, WEIGHTS)
    onnx.save(model, path)
    document = json.loads((folder / "manifest.json").read_text())
    document["files"] = {
        name: file_entry(folder / name).model_dump() for name in ("model.onnx", WEIGHTS)[: 1 + listed]
    }
    (folder / "manifest.json").write_text(json.dumps(document))
    return values


def test_weights_beside_the_graph_are_read_only_if_the_manifest_lists_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_model(tmp_path)
    values = with_weights_beside(folder, listed=False)
    # A file of that name in the working directory is what ONNX Runtime would read by itself.
    monkeypatch.chdir(folder)
    values.tofile(WEIGHTS)
    with pytest.raises(
        StartupError, match=r"cannot load .*model\.onnx.*list the file with its weights in manifest\.json"
    ):
        load(tmp_path)


def test_weights_that_are_listed_are_those_that_were_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_server(weights=write_model(tmp_path / "one").parent, reload_seconds=0) as client:
        expected = client.post("/parse", content=PHOTO, headers={"Accept": "application/x-npz"}).content
    folder = write_model(tmp_path / "two")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with_weights_beside(folder, listed=True)
    monkeypatch.chdir(elsewhere)
    np.zeros(1000, np.float32).tofile(WEIGHTS)
    with running_server(weights=folder.parent, reload_seconds=0) as client:
        answer = client.post("/parse", content=PHOTO, headers={"Accept": "application/x-npz"}).content
    first, second = (np.load(io.BytesIO(data)) for data in (expected, answer))
    np.testing.assert_array_equal(first["semantics"], second["semantics"])


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def a_folder(path: Path) -> None:
    path.mkdir()


def a_huge_list(folder: Path) -> None:
    (folder / "manifest.json").write_text(json.dumps({"files": {f"file {i}": {} for i in range(300_000)}}))


def a_list_of_zeros(folder: Path) -> None:
    (folder / "manifest.json").write_text(json.dumps({"maps": [0] * 300_000}))


def an_absurd_size(folder: Path) -> None:
    document = json.loads((folder / "manifest.json").read_text())
    document["files"]["model.onnx"]["bytes"] = 10**30
    (folder / "manifest.json").write_text(json.dumps(document))


@pytest.mark.process
@pytest.mark.parametrize("name", ["manifest.json", "model.onnx"])
@pytest.mark.parametrize("make", [a_pipe, a_device, a_folder])
def test_what_is_no_plain_file_is_refused_at_once(
    tmp_path: Path, name: str, make: Callable[[Path], None]
) -> None:
    folder = write_model(tmp_path)
    (folder / name).unlink()
    make(folder / name)
    check_refused(tmp_path, f"{name}: not a plain file")


@pytest.mark.process
@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (a_huge_list, f"manifest.json: larger than {MANIFEST_BYTES} bytes"),
        (a_list_of_zeros, "more\n"),
        (an_absurd_size, "model.onnx: sha256"),
    ],
)
def test_a_manifest_beyond_all_measure_is_refused_at_once(
    tmp_path: Path, spoil: Callable[[Path], None], why: str
) -> None:
    spoil(write_model(tmp_path))
    check_refused(tmp_path, why)


def check_refused(weights: Path, why: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "service"],
        env=bare_environment() | {"PAG_WEIGHTS": str(weights), "PAG_PORT": "0"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2, ended.stderr
    assert why in ended.stderr + ended.stdout
    assert "Traceback" not in ended.stderr
    assert len(ended.stderr.splitlines()) < 40


def test_files_behind_links_are_read(tmp_path: Path) -> None:
    """As Kubernetes mounts them."""
    folder = write_model(tmp_path / "data")
    linked = tmp_path / "weights" / "tiny"
    linked.mkdir(parents=True)
    for file in folder.iterdir():
        (linked / file.name).symlink_to(file)
    load(tmp_path / "weights")
