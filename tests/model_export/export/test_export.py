"""A checkpoint becomes a folder that the service accepts, with its history and figures."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from model_export.data.classes import NYU40
from model_export.export.export import Identity, add_metrics, export
from model_export.export.exportable import gate_strides
from service.model_folder.files import load_manifest, read_files
from tests.support.exported_networks import UNGATED


@pytest.mark.parametrize("name", ["resnet26", "efficientnet_lite0", "skip", "layer", "ungated", "truncated"])
def test_the_service_accepts_the_folder(exported, name: str) -> None:
    network = exported(name)
    manifest = load_manifest(network.folder)
    read_files(network.folder, manifest)
    assert manifest == network.manifest
    assert (manifest.name, manifest.version) == (name, "1.2.3")
    assert manifest.map_names() == ("semantics", "depth", "normals", "computed")
    semantics = manifest.map("semantics")
    assert [entry.name for entry in semantics.classes] == list(NYU40)
    assert semantics.labels_model == "labels.onnx"


@pytest.mark.parametrize("name", UNGATED)
def test_a_network_without_gates_has_one_budget(exported, name: str) -> None:
    manifest = load_manifest(exported(name).folder)
    assert (manifest.budget.floor, manifest.budget.default, manifest.budget.gates) == (1.0, 1.0, ())
    assert [(row.budget, row.ratios) for row in manifest.budget.table] == [(1.0, ())]
    assert manifest.multiply_adds.always == manifest.multiply_adds.total
    assert manifest.share(0.2, 480, 640) == manifest.share(1.0, 480, 640) == 1.0


@pytest.mark.parametrize("name", ["resnet26", "efficientnet_lite0", "skip", "layer"])
def test_the_manifest_s_cost_is_the_network_s(exported, name: str) -> None:
    network = exported(name)
    manifest, cost = network.manifest, network.exportable.cost
    assert (manifest.multiply_adds.total, manifest.multiply_adds.always) == (cost.total, cost.always)
    assert {gate.name: gate.multiply_adds for gate in manifest.budget.gates} == cost.gated()
    assert {gate.name: gate.stride for gate in manifest.budget.gates} == gate_strides(
        network.exportable.network
    )
    assert {gate.coarse_stride for gate in manifest.budget.gates} == (
        {0} if name in ("skip", "layer") else {2}
    )
    assert [
        (row.budget, list(row.ratios)) for row in manifest.budget.table
    ] == network.exportable.table.served()
    assert manifest.budget.floor == pytest.approx(cost.floor)
    assert manifest.share(1.0, 480, 640) == 1.0


def test_scales_lower_the_floor_below_the_gates(exported, tmp_path: Path) -> None:
    network = exported("resnet26")
    rows = ((0.36, 0.6), (1.0, 1.0))
    folder, identity = tmp_path / "scaled", Identity("scaled", "1.0.0", "A random network.")
    manifest = export([network.checkpoint], folder, identity, scales=rows)
    assert load_manifest(folder) == manifest
    assert manifest.budget.floor == 0.36 < manifest.gates_floor
    assert tuple((row.budget, row.scale) for row in manifest.budget.scales) == rows
    assert manifest.budget.table == network.manifest.budget.table


def test_the_history_names_no_folder_of_the_machine(exported) -> None:
    training = exported("resnet26").manifest.training
    assert training.commands == ("train --folder runs/resnet26",)
    assert (training.commit, training.date, training.seed) == ("abc", "1970-01-01", 777)


def test_figures_are_added_split_by_split_and_shown_on_the_card(exported, tmp_path: Path) -> None:
    folder = tmp_path / "resnet26"
    shutil.copytree(exported("resnet26").folder, folder)
    (folder / "notes.md").write_text("## Limits\n\nRandom weights.\n")
    add_metrics(folder, "val", {1.0: {"miou40": 0.25}, 0.7: {"miou40": 0.125}})
    manifest = add_metrics(folder, "test", {0.1: {"miou40": 0.0625}})
    assert load_manifest(folder) == manifest
    assert [(row.budget, row.figure("miou40")) for row in manifest.metrics.splits["val"]] == [
        (0.7, 0.125),
        (1.0, 0.25),
    ]
    assert manifest.metrics.splits["val"][0].share == pytest.approx(0.7, abs=1e-3)
    assert manifest.metrics.splits["test"][0].budget == pytest.approx(manifest.budget.floor), "it was served"
    card = (folder / "card.md").read_text()
    assert "| 0.7 | 0.700 | 1 | 0.125 |" in card and "### test" in card and "Random weights." in card
