"""The layers that are timed are the network's; masks have the density they are named for."""

from __future__ import annotations

import pytest

from benchmarks.layers import FIGURE, LAYERS, Layer, mask
from model_export.networks.build import build
from model_export.networks.cost import count


def test_layers_of_resnet50_make_up_its_encoder() -> None:
    """Multiply-adds and number of convolutions, as the cost model counts them at 480x640."""
    cost = count(build("resnet50", output_stride=8, gated=False, multipool=None))
    encoder = [layer.multiply_adds for layer in cost.layers if layer.name.startswith("encoder.")]
    timed = [layer for layer in LAYERS if layer.network == "resnet50"]
    assert sum(layer.count for layer in timed) == len(encoder)
    assert round(sum(layer.count * layer.gflop for layer in timed) / 2e-9) == sum(encoder)


def test_layers_have_names_of_their_own() -> None:
    names = [layer.name for layer in LAYERS]
    assert len(set(names)) == len(names)
    assert FIGURE in names


@pytest.mark.parametrize("kind", ["smooth", "iid"])
@pytest.mark.parametrize("density", [0.3, 0.5, 0.9])
def test_mask_has_its_density_to_the_pixel(kind: str, density: float) -> None:
    layer = Layer("any", 24, 31, 1, 1)
    assert mask(kind, density, layer).sum() == round(density * 24 * 31)
