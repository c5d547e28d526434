"""ExportableParser folds every norm, rounds weights to bfloat16 and leaves gates alone."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from model_export.export.exportable import ExportableParser
from model_export.networks.build import build
from model_export.networks.layers import PerforatedConv2d
from model_export.networks.parser import DenseParser
from model_export.networks.tasks import Maps
from tests.support.exported_networks import Exported, smooth_image

pytestmark = pytest.mark.slow

OPTIONS = {"resnet26": {"width": 0.125}, "efficientnet_lite0": {"pretrained": False}}
IMAGE = (torch.from_numpy(smooth_image(64, 96)).float()[None].permute(0, 3, 1, 2) - 127) / 128


@pytest.fixture(params=OPTIONS)
def network(request: pytest.FixtureRequest, randomise: Callable[[nn.Module], None]) -> DenseParser:
    """A random network in evaluation."""
    network = build(request.param, **OPTIONS[request.param])
    for pool in network.multipools():
        pool.mode = "pag"
    randomise(network)
    return network.eval()


def layers(network: nn.Module) -> dict[str, PerforatedConv2d]:
    return {name: part for name, part in network.named_modules() if isinstance(part, PerforatedConv2d)}


def is_bfloat16(values: Tensor) -> bool:
    return torch.equal(values.float(), values.to(torch.bfloat16).float())


def test_every_convolution_is_folded_and_its_weights_are_bfloat16_values(network: DenseParser) -> None:
    folded = layers(ExportableParser(network).network)
    assert folded and all(layer.norm is None and is_bfloat16(layer.weight) for layer in folded.values())
    assert not any(isinstance(part, nn.BatchNorm2d) for part in network.modules())


def test_gates_are_left_as_they_are(network: DenseParser) -> None:
    before = {name: copy.deepcopy(gate.state_dict()) for name, gate in network.gates().items()}
    for name, gate in ExportableParser(network).network.gates().items():
        assert all(torch.equal(value, before[name][key]) for key, value in gate.state_dict().items())


def dense(network: DenseParser) -> Maps:
    with torch.no_grad():
        maps: Maps = network(IMAGE)
    return maps


def test_rounding_moves_the_maps_by_little(network: DenseParser) -> None:
    """Each weight is off by at most 2^-8 of itself; over fifty layers that adds up to some per cent."""
    for pool in network.multipools():
        pool.mode = "weighted"  # in mode "pag" a little may move a pixel to another branch
    before = dense(network)
    after = dense(ExportableParser(network).network)
    for name, given in before.items():
        error = (after[name] - given).square().mean().sqrt() / given.square().mean().sqrt()
        assert error < 0.1, (name, float(error))
    assert not torch.equal(before["semantics"], after["semantics"])


@pytest.mark.parametrize("name", ["resnet26", "efficientnet_lite0"])
def test_weights_in_the_file_are_bfloat16_values_but_the_gates(
    exported: Callable[[str], Exported], name: str
) -> None:
    weights = {
        value.name: torch.from_numpy(np.array(numpy_helper.to_array(value)))
        for value in onnx.load(exported(name).model).graph.initializer
        if value.name.endswith(".weight")
    }
    gates = {name for name in weights if name.endswith(".gate.weight")}
    assert len(weights) > len(gates) == len(exported(name).exportable.network.gates())
    assert all(is_bfloat16(value) for name, value in weights.items() if name not in gates)
    assert not any(is_bfloat16(weights[name]) for name in gates)


@pytest.mark.parametrize("mode", ["average", "weighted", "pag"])
def test_the_mode_of_multipool_is_kept(mode: str) -> None:
    exportable = ExportableParser(build("resnet26", width=0.125, multipool=mode))
    assert [pool.mode for pool in exportable.network.multipools()] == [mode]


def test_without_gates_every_budget_is_the_dense_pass_and_all_is_computed(
    randomise: Callable[[nn.Module], None],
) -> None:
    network = build("resnet26", width=0.125, gated=False)
    randomise(network)
    exportable = ExportableParser(network)
    assert (exportable.table.floor, exportable.cost.always) == (1.0, exportable.cost.total)
    pixels = torch.from_numpy(smooth_image(64, 96))[None]
    with torch.no_grad():
        low, full = (exportable(pixels, torch.tensor([budget])) for budget in (0.2, 1.0))
    assert (full["computed"] == 1).all() and full["computed"].shape == (1, 8, 12)
    torch.testing.assert_close(full["semantic_logits"].permute(0, 3, 1, 2), dense(network)["semantics"])
    assert all(torch.equal(low[name], full[name]) for name in full)
