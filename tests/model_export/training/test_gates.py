"""Gates learned from photographs alone: the maps come nearer to the dense ones, and a stop loses nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from model_export.common.errors import FixableError
from model_export.data.photographs import Photographs
from model_export.networks.build import build
from model_export.networks.cost import count
from model_export.networks.parser import DenseParser
from model_export.networks.pixels import normalise
from model_export.networks.tasks import distillation_terms
from model_export.training import checkpoint, train
from model_export.training.gates import agreement, configuration, learn_gates
from model_export.training.log import read_log
from model_export.training.saved import StoredNetwork, load_network, save_network

pytestmark = pytest.mark.slow


@pytest.fixture
def photographs(tmp_path: Path, rooms: type) -> Path:
    """Six made rooms."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    for number in range(6):
        Image.fromarray(rooms()[number].image).save(folder / f"{number}.png")
    return folder


@pytest.fixture
def dense(tmp_path: Path, randomise) -> Path:  # type: ignore[no-untyped-def]
    """A random network of semantics and normals whose maps are not flat, without gates."""
    options = {
        "width": 0.125, "classes": 4, "tasks": ["semantics", "normals"], "gated": False, "multipool": None,
    }  # fmt: skip
    network = build("resnet26", **options)
    randomise(network)
    save_network(tmp_path / "dense.pt", "resnet26", options, network)
    return tmp_path / "dense.pt"


@torch.no_grad()
def distance(network: DenseParser, teacher: DenseParser, samples: Photographs) -> float:
    """The distillation loss at budget 0.6, every gate at the same ratio, no noise."""
    ratios = {name: torch.full((1,), ratio) for name, ratio in count(network).ratios(0.6).items()}
    images = [normalise(torch.from_numpy(samples[place].image)[None]) for place in range(len(samples))]
    losses = [distillation_terms(network(image, ratios), teacher(image)) for image in images]
    return float(np.mean([float(sum(terms.values())) for terms in losses]))


@pytest.mark.slow
def test_maps_come_nearer_to_the_dense_ones(
    tmp_path: Path, photographs: Path, dense: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = learn_gates(dense, photographs, tmp_path / "run", steps=30, batch=2)
    seen, teacher = Photographs(photographs, cropped=True), load_network(dense)
    fresh = train.fresh_network(
        configuration(dense, photographs, steps=30, batch=2), train.RunOptions(tmp_path, dense)
    ).eval()
    assert distance(load_network(path), teacher, seen) < 0.97 * distance(fresh, teacher, seen)
    told = capsys.readouterr().out
    assert "before: maps at budget 0.75" in told and "after: maps" in told and "labels are equal" in told


def test_no_target_is_looked_at_and_the_run_is_not_called_nyuv2_s(
    tmp_path: Path, photographs: Path, dense: Path
) -> None:
    path = learn_gates(dense, photographs, tmp_path / "run", steps=1, batch=2)
    (terms,) = [line["values"] for line in read_log(path.parent / "log.jsonl") if line["kind"] == "step"]
    assert set(terms) == {"gated_distil_semantics", "gated_distil_normals", "gated_gates"}
    stored = StoredNetwork.read(path)
    assert not stored.on_nyuv2 and len(stored.network().gates()) > 5


def test_at_budget_1_the_network_is_the_one_that_was_given(
    tmp_path: Path, photographs: Path, dense: Path
) -> None:
    path = learn_gates(dense, photographs, tmp_path / "run", steps=3, batch=2)
    given, learned = (StoredNetwork.read(each).weights for each in (dense, path))
    assert all(torch.equal(learned[name], value) for name, value in given.items())
    assert {name for name in learned if name not in given} == {n for n in learned if ".gate." in n}


def interrupt(_: DenseParser) -> dict[str, float]:
    raise InterruptedError


def test_a_run_taken_up_again_ends_as_one_that_was_not_interrupted(
    tmp_path: Path, photographs: Path, dense: Path
) -> None:
    config = configuration(dense, photographs, steps=4, batch=2)
    options = train.RunOptions(
        tmp_path / "whole", dense, 0.0, validate_steps=0, workers=0, photographs=photographs
    )
    whole = checkpoint.read(train.run(config, options))
    parts = replace(options, folder=tmp_path / "parts", validate_steps=2)
    with pytest.raises(InterruptedError):
        train.run(config, parts, interrupt)
    assert checkpoint.read(parts.folder / "checkpoint.pt")["step"] == 2
    torch.manual_seed(99)
    resumed = checkpoint.read(train.run(config, replace(parts, validate_steps=0)))
    assert resumed["step"] == whole["step"] == 4
    for name, value in whole["average"].items():
        assert torch.equal(resumed["average"][name], value), name


def test_at_ratio_1_a_fresh_gated_network_is_the_dense_one(
    tmp_path: Path, photographs: Path, dense: Path
) -> None:
    config = configuration(dense, photographs, steps=4, batch=2)
    fresh = train.fresh_network(config, train.RunOptions(tmp_path, dense)).eval()
    same = agreement(fresh, load_network(dense), Photographs(photographs, cropped=True), 1.0)
    assert same["semantics"] == 1 and same["normals"] < 0.1


def test_crops_follow_the_photographs_sizes(tmp_path: Path, dense: Path) -> None:
    for size, crop in (((100, 140), (96, 128)), ((1200, 1600), (320, 416))):
        folder = tmp_path / str(size[0])
        folder.mkdir()
        Image.fromarray(np.zeros((*size, 3), np.uint8)).save(folder / "one.png")
        (view,) = configuration(dense, folder, steps=1, batch=3).views
        assert (view.crop, view.labelled, view.unlabelled) == (crop, 0, 3)


def test_a_folder_without_images_is_refused_before_anything_is_written(tmp_path: Path, dense: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(FixableError, match="no image that OpenCV reads"):
        learn_gates(dense, tmp_path / "empty", tmp_path / "run", steps=1)
    assert not (tmp_path / "run").exists()
