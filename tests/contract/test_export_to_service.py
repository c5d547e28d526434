"""An exported network answers over HTTP with the maps that it gives in torch."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from model_export.export.about import About
from model_export.export.export import Identity, export, load_exportable
from model_export.export.predictors import TorchPredictor
from model_export.networks.build import build
from model_export.training import checkpoint
from model_export.training.config import TrainingConfig
from model_export.training.log import TrainingLog
from model_export.training.saved import save_network
from model_export.training.train import make_network, make_optimizer
from tests.support.photographs import encoded, picture
from tests.support.servers import running_server

pytestmark = pytest.mark.slow

HEIGHT, WIDTH = 64, 96
PHOTO = picture(HEIGHT, WIDTH).copy()  # writable, as torch wants it


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a gated network."""
    config = TrainingConfig("resnet26", {"width": 0.125}, gated=True, multipool="pag")
    return run_of(tmp_path_factory.mktemp("runs") / "small", config)


def run_of(folder: Path, config: TrainingConfig) -> Path:
    """Checkpoint and log of a small network whose maps are not flat."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(4)
    network = make_network(config)
    for head in (network.heads.semantics, network.heads.depth, network.heads.normals):
        torch.nn.init.normal_(head[1].weight, std=0.3)
    average = checkpoint.WeightAverage(network, 0.9)
    state = checkpoint.TrainingState(network, make_optimizer(network, config), average)
    log = TrainingLog(folder)
    log.write("start", step=0, time=0.0, commit="abc", command="train", config=config.to_json())
    checkpoint.save(folder / "checkpoint.pt", state, config.to_json())
    torch.set_num_threads(threads)
    return folder / "checkpoint.pt"


@pytest.fixture(scope="module")
def client(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Client of the service with that network alone."""
    weights = tmp_path_factory.mktemp("weights")
    export([run], weights / "small", Identity("small", "0.1.0", "A random network."))
    with running_server(weights=weights, threads=1) as started:
        yield started


def parse(client: httpx.Client, budget: float) -> dict[str, NDArray[np.float32]]:
    answer = client.post(
        "/parse",
        content=encoded(PHOTO),
        headers={"Accept": "application/x-npz"},
        params={"budget": budget, "size": "input"},
    )
    assert answer.status_code == 200, answer.text
    return dict(np.load(io.BytesIO(answer.content)))


def at_photo_size(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(cv2.resize(values, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR))


@pytest.mark.parametrize("budget", [0.7, 1.0])
def test_the_answer_is_what_torch_says(client: httpx.Client, run: Path, budget: float) -> None:
    answer, maps = parse(client, budget), TorchPredictor(load_exportable(run))(PHOTO, budget)
    depth, normals = at_photo_size(maps["depth"]), at_photo_size(maps["normals"])
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    # Below budget 1 rounding may exchange two pixels of nearly equal score, see model_export.export.verify.
    wanted = 1.0 if budget == 1 else 0.98
    assert (np.abs(answer["depth"] - depth) < 5e-3).mean() >= wanted
    assert depth.std() > 0.01
    assert (np.abs(answer["normals"] - normals).max(-1) < 1e-2).mean() >= wanted
    labels = at_photo_size(maps["semantic_logits"]).argmax(-1)
    assert len(np.unique(labels)) > 1
    assert (answer["semantics"] == labels).mean() > 0.97


def test_the_share_told_is_the_share_computed(client: httpx.Client, run: Path) -> None:
    exportable = load_exportable(run)
    computed = TorchPredictor(exportable)(PHOTO, 0.7)["computed"].mean(dtype=np.float64)
    cost = exportable.cost
    told = client.post("/parse", content=encoded(PHOTO), params={"budget": 0.7}).json()["budget"]
    share = (cost.always + (cost.total - cost.always) * computed) / cost.total
    assert told["share"] == pytest.approx(share, abs=1e-5)
    assert told["share"] <= 0.7


def test_a_network_without_gates_is_served_at_budget_1_alone(tmp_path: Path) -> None:
    path = run_of(tmp_path / "runs", TrainingConfig("resnet26", {"width": 0.125, "gated": False}))
    export([path], tmp_path / "weights" / "dense", Identity("dense", "0.1.0", "A random network."))
    with running_server(weights=tmp_path / "weights", threads=1) as client:
        model = client.get("/models").json()["models"][0]
        assert (model["name"], model["budget_floor"], model["budget_default"]) == ("dense", 1.0, 1.0)
        told = client.post("/parse", content=encoded(PHOTO), params={"budget": 0.4}).json()["budget"]
        answer = parse(client, 1.0)
    assert (told["share"], told["used"]) == (1.0, 1.0)
    depth = at_photo_size(TorchPredictor(load_exportable(path))(PHOTO, 1.0)["depth"])
    assert np.abs(answer["depth"] - depth).max() < 5e-3


OWN = {"width": 0.125, "classes": 3, "tasks": ["semantics"], "multipool": None}
NAMES = ("grass", "sky", "cow")


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights folder with a network of three classes and nothing but semantics, from a plain checkpoint."""
    root = tmp_path_factory.mktemp("own")
    torch.manual_seed(4)
    network = build("resnet26", **OWN)
    torch.nn.init.normal_(network.heads.semantics[1].weight, std=0.3)
    save_network(root / "dense.pt", "resnet26", OWN, network)
    about = About.model_validate({"classes": NAMES, "void": 9, "licence": "MIT", "data_terms": "drawn"})
    export([root / "dense.pt"], root / "weights" / "own", Identity("own", "0.1.0"), about=about)
    return root


def test_a_network_of_own_classes_and_one_task_is_served_as_such(own: Path) -> None:
    with running_server(weights=own / "weights", threads=1) as client:
        maps = client.get("/models").json()["models"][0]["maps"]
        assert [entry["name"] for entry in maps[0]["classes"]] == list(NAMES)
        assert [entry["name"] for entry in maps] == ["semantics", "computed"]
        answer = parse(client, 1.0)
        refused = client.post("/parse", content=encoded(PHOTO), params={"maps": "depth"})
        meta = client.post("/parse", content=encoded(PHOTO), params={"budget": 0.6}).json()
        overlay = client.post(
            "/parse", content=encoded(PHOTO), params={"output": "overlay"}, headers={"Accept": "image/png"}
        )
    assert set(answer) == {"semantics", "meta"}
    labels = at_photo_size(TorchPredictor(load_exportable(own / "dense.pt"))(PHOTO, 1.0)["semantic_logits"])
    assert len(np.unique(answer["semantics"])) > 1
    assert (answer["semantics"] == labels.argmax(-1)).mean() > 0.97
    assert refused.status_code == 422 and "semantics" in refused.json()["detail"]
    assert list(meta["maps"]) == ["semantics"] and meta["maps"]["semantics"]["invalid"] == 9
    assert meta["budget"]["share"] <= 0.6
    assert overlay.status_code == 200 and overlay.headers["content-type"] == "image/png"
