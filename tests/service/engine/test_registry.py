"""A weights folder that cannot be served says which folder it is and what to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnxruntime
import perforated_conv
import pytest

from service.engine.loading import find_models
from service.engine.loading import load_models as load
from service.engine.models import ModelRegistry
from service.engine.resources import resolve_resources
from service.errors import InvalidParameter, StartupError, UnknownModel
from service.model_folder.files import file_entry
from service.settings import Settings
from tests.support.tiny_model import manifest_document, map_entries, write_model


def load_models(settings: Settings) -> ModelRegistry:
    registry = ModelRegistry()
    registry.fill(load(settings, resolve_resources(settings)), settings.model)
    return registry


def test_models_are_found_loaded_and_named(tmp_path: Path) -> None:
    for name in ("b", "a"):
        write_model(tmp_path, name)
    (tmp_path / "README.md").write_text("not a model")
    (tmp_path / "notes").mkdir()
    registry = load_models(Settings(weights=tmp_path))
    assert registry.names() == ["a", "b"]
    assert registry.get("a").manifest.name == "a"
    with pytest.raises(UnknownModel, match="loaded: a, b"):
        registry.get("c")
    with pytest.raises(InvalidParameter, match=r"name one by the parameter model \(a, b\)"):
        registry.get(None)
    assert load_models(Settings(weights=tmp_path, model="b")).get(None).manifest.name == "b"


def test_no_folder_and_no_model(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match=r"nowhere does not exist.*PAG_WEIGHTS"):
        find_models(Settings(weights=tmp_path / "nowhere"))
    with pytest.raises(StartupError, match=r"no model in .*put a folder with model\.onnx and manifest\.json"):
        find_models(Settings(weights=tmp_path))


def truncate(folder: Path) -> None:
    (folder / "model.onnx").write_bytes((folder / "model.onnx").read_bytes()[:100])


def lose_manifest(folder: Path) -> None:
    (folder / "manifest.json").unlink()


def duplicate(folder: Path) -> None:
    twin = folder.parent / "twin"
    twin.mkdir()
    for path in folder.iterdir():
        (twin / path.name).write_bytes(path.read_bytes())


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (truncate, "cut off or another one"),
        (lose_manifest, "put the exported manifest.json"),
        (duplicate, "same name"),
    ],
)
def test_broken_folders(tmp_path: Path, damage: Callable[[Path], None], words: str) -> None:
    damage(write_model(tmp_path))
    with pytest.raises(StartupError) as caught:
        find_models(Settings(weights=tmp_path))
    assert words in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def rewrite(folder: Path, graph: bytes | None = None, **changes: Any) -> None:
    if graph is not None:
        (folder / "model.onnx").write_bytes(graph)
    document = manifest_document() | changes
    document["files"] = {"model.onnx": file_entry(folder / "model.onnx").model_dump()}
    (folder / "manifest.json").write_text(json.dumps(document))


def test_files_that_are_whole_but_wrong(tmp_path: Path) -> None:
    folder = write_model(tmp_path)
    rewrite(folder, graph=b"not a graph")
    with pytest.raises(StartupError, match=r"cannot load .*model\.onnx"):
        load_models(Settings(weights=tmp_path))


def test_a_map_of_computed_pixels_that_the_graph_lacks(tmp_path: Path) -> None:
    write_model(tmp_path, maps=[*map_entries("depth"), {**map_entries("computed")[0], "output": "masks"}])
    with pytest.raises(StartupError, match="lacks masks"):
        load_models(Settings(weights=tmp_path))


def test_outputs_that_the_graph_lacks(tmp_path: Path) -> None:
    write_model(tmp_path, maps=[{**map_entries("normals")[0], "output": "directions"}])
    with pytest.raises(StartupError, match="lacks directions"):
        load_models(Settings(weights=tmp_path))


def test_a_default_model_must_exist(tmp_path: Path) -> None:
    write_model(tmp_path)
    with pytest.raises(StartupError, match=r"PAG_MODEL=big is not in .*there are tiny"):
        find_models(Settings(weights=tmp_path, model="big"))


def test_a_provider_must_be_installed(weights: Path) -> None:
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime has CUDA")
    with pytest.raises(StartupError, match=r"PAG_PROVIDER=cuda.*install onnxruntime-gpu"):
        load_models(Settings(weights=weights, provider="cuda"))


def test_the_native_operator_can_be_required(weights: Path) -> None:
    wanted = Settings(weights=weights, native_operator="require")
    if perforated_conv.library_path() is None:
        with pytest.raises(StartupError, match="is not built"):
            load_models(wanted)
    else:
        assert load_models(wanted).get(None).runtime.native_operator
