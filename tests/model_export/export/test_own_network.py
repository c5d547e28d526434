"""Networks of one's own: few classes, some of the tasks, from a plain checkpoint to a folder that is true."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch

from model_export.common.errors import FixableError
from model_export.export.about import NYUV2, About, described
from model_export.export.export import Identity, export, load_exportable
from model_export.export.verify import verify
from model_export.networks.build import build
from model_export.networks.tasks import TASKS
from model_export.training.saved import save_network
from service.model_folder.files import load_manifest, read_files
from service.model_folder.manifest import MODEL_NAME

pytestmark = pytest.mark.slow

OWN: dict[str, dict[str, Any]] = {
    "five classes": {"classes": 5},
    "semantics": {"classes": 2, "tasks": ["semantics"]},
    "geometry": {"tasks": ["normals", "depth"]},
    "depth": {"tasks": ["depth"], "multipool": None},
    "semantics, ungated": {"classes": 255, "tasks": ["semantics"], "gated": False, "multipool": "weighted"},
    "normals, ungated": {"tasks": ["normals"], "gated": False},
}
Stored = Callable[[str], Path]


def about_of(classes: int) -> About:
    names = tuple(f"kind {number}" for number in range(classes))
    return About.model_validate({"classes": names, "licence": "MIT", "data_terms": "made up"})


@pytest.fixture
def stored(tmp_path: Path, randomise: Callable[[torch.nn.Module], None]) -> Stored:
    """Name in OWN -> plain checkpoint of a random network."""

    def make(name: str) -> Path:
        options = {"width": 0.125} | OWN[name]
        network = build("resnet26", **options)
        randomise(network)
        save_network(tmp_path / "mine" / "dense.pt", "resnet26", options, network)
        return tmp_path / "mine" / "dense.pt"

    return make


@pytest.mark.usefixtures("native")
@pytest.mark.parametrize("name", OWN)
def test_manifest_graph_and_all_forms_follow_classes_and_tasks(
    stored: Stored, tmp_path: Path, images: Any, name: str
) -> None:
    path, folder = stored(name), tmp_path / "weights" / "own"
    heads = build("resnet26", width=0.125, **OWN[name]).heads
    export([path], folder, Identity("own", "0.1.0"), about=about_of(heads.classes))
    manifest = load_manifest(folder)
    read_files(folder, manifest)
    assert manifest.default_map_names() == heads.tasks
    outputs = {value.name: value for value in onnx.load(folder / MODEL_NAME).graph.output}
    assert list(outputs) == [*(TASKS[task].output for task in heads.tasks), "computed"]
    if "semantics" not in heads.tasks:
        assert not (folder / "labels.onnx").exists()
    else:
        assert len(manifest.map("semantics").classes) == heads.classes == OWN[name]["classes"]
        assert outputs["semantic_logits"].type.tensor_type.shape.dim[3].dim_value == heads.classes
    results = verify(load_exportable(path), folder / MODEL_NAME, images, (0.7, 1.0), lambda _: None)
    assert {result.output for result in results} == set(outputs)


def test_fewer_tasks_cost_fewer_multiply_adds(stored: Stored) -> None:
    whole = load_exportable(stored("five classes")).cost.total
    assert load_exportable(stored("geometry")).cost.total < whole


def test_the_card_says_only_what_is_known(stored: Stored, tmp_path: Path) -> None:
    folder = tmp_path / "weights" / "own"
    manifest = export([stored("semantics")], folder, Identity("own", "0.1.0"), about=about_of(2))
    assert manifest.description == "Semantics (2 classes) at a compute budget chosen per request."
    assert (manifest.training.commands, manifest.training.commit, manifest.training.seed) == ((), None, None)
    card = (folder / "card.md").read_text()
    assert "Weights: MIT" in card and "Data: made up" in card and "None were measured yet." in card
    assert "no log came with the checkpoint" in card
    assert not any(word in card for word in ("NYU", "None,", "Made by", "seed"))


def test_without_about_export_shows_the_smallest_one_that_will_do(stored: Stored, tmp_path: Path) -> None:
    path = stored("semantics")
    with pytest.raises(FixableError, match=r"not trained by `train`(.|\n)*--about about\.json") as error:
        export([path], tmp_path / "own", Identity("own", "0.1.0"))
    shown = str(error.value)
    text = shown[shown.index("{") : shown.rindex("}") + 1]
    (tmp_path / "about.json").write_text(
        text.replace("who may use", "all may use").replace("what the", "the")
    )
    manifest = export(
        [path], tmp_path / "own", Identity("own", "0.1.0"), about=About.read(tmp_path / "about.json")
    )
    assert [entry.name for entry in manifest.map("semantics").classes] == ["class 0", "class 1"]


@pytest.mark.parametrize(("given", "says"), [(3, "names 3 classes, and the network has 2"), (0, "names 0")])
def test_classes_that_are_not_the_network_s_are_refused(
    stored: Stored, tmp_path: Path, given: int, says: str
) -> None:
    with pytest.raises(FixableError, match=says):
        export([stored("semantics")], tmp_path / "own", Identity("own", "0.1.0"), about=about_of(given))
    with pytest.raises(FixableError, match="the network has no semantics"):
        export([stored("depth")], tmp_path / "own", Identity("own", "0.1.0"), about=NYUV2)


def test_a_description_tells_the_tasks() -> None:
    both = described(build("resnet26", width=0.125, classes=7, tasks=["semantics", "normals"]))
    assert both.startswith("Semantics (7 classes) and surface normals at")
