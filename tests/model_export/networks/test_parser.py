"""The whole network: maps, gates by name, ratio 1, frozen statistics."""

from __future__ import annotations

import copy

import pytest
import torch

from model_export.networks.activations import DEPTH_RANGE_METRES
from model_export.networks.blocks import SKIPPED
from model_export.networks.build import build
from model_export.networks.parser import DenseParser, SceneContext
from model_export.networks.task_heads import TaskHeads

IMAGE = torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(3)) * 2 - 1


def small(name: str = "resnet26", **options: object) -> DenseParser:
    extra = {"width": 0.125} if name == "resnet26" else {"pretrained": False}
    return build(name, **extra, **options).eval()


@pytest.mark.parametrize("name", ["resnet26", "efficientnet_lite0"])
@pytest.mark.parametrize("skipped", SKIPPED)
def test_ratio_1_is_the_dense_pass_exactly(name: str, skipped: str, randomise) -> None:
    network = small(name, skipped=skipped)
    randomise(network)
    gated = network(IMAGE, {gate: torch.ones(2) for gate in network.gates()})
    for task, dense in network(IMAGE).items():
        assert torch.equal(gated[task], dense), task


@pytest.mark.parametrize("name", ["resnet26", "efficientnet_lite0"])
def test_maps_lie_at_stride_8_with_metric_depth_and_unit_normals(name: str, randomise) -> None:
    network = small(name)
    randomise(network)
    maps = network(IMAGE, {gate: torch.tensor([0.4, 0.9]) for gate in network.gates()})
    assert {name: value.shape[1:] for name, value in maps.items()} == {
        "semantics": (40, 8, 12), "depth": (1, 8, 12), "normals": (3, 8, 12),
    }  # fmt: skip
    torch.testing.assert_close(maps["normals"].norm(dim=1), torch.ones(2, 8, 12))
    (low, high), metres = DEPTH_RANGE_METRES, maps["depth"].exp()
    assert (metres >= low - 1e-4).all() and (metres <= high + 1e-4).all()


def test_each_image_follows_its_own_ratios(randomise) -> None:
    network = small()
    randomise(network)
    ratios = torch.tensor([0.3, 0.8])
    together = network(IMAGE, dict.fromkeys(network.gates(), ratios))
    for image in range(2):
        alone = network(IMAGE[image : image + 1], dict.fromkeys(network.gates(), ratios[image : image + 1]))
        torch.testing.assert_close(together["depth"][image], alone["depth"][0], rtol=1e-4, atol=1e-4)


def test_every_block_of_a_resnet_is_gated_and_named_in_order() -> None:
    names = list(small().gates())
    stages = [f"encoder.stages.{stage}.{block}" for stage in range(4) for block in range(2)]
    assert names == [*stages, "decoder.0"]


def test_the_gates_of_efficientnet_lite0_are_where_the_stride_is_1() -> None:
    names = list(small("efficientnet_lite0").gates())
    # Stage 0 does not expand; the first blocks of stages 1, 2 and 3 have stride 2.
    encoder = ["1.1", "2.1", "3.1", "3.2", "4.0", "4.1", "4.2", "5.0", "5.1", "5.2", "5.3", "6.0"]
    rest = ["trunk.0", "trunk.1", "decoder.0", "decoder.1"]
    assert names == [f"encoder.stages.{block}" for block in encoder] + rest


def test_without_gates_there_are_none() -> None:
    assert small(gated=False).gates() == {}


@pytest.mark.parametrize("encoder_only", [True, False])
def test_frozen_statistics_do_not_move_in_training(encoder_only: bool) -> None:
    network = small(multipool="weighted")
    network.freeze_statistics(encoder_only=encoder_only)
    network.train()
    before = copy.deepcopy(dict(network.named_buffers()))
    network(IMAGE * 3)
    moved = {name for name, value in network.named_buffers() if not torch.equal(value, before[name])}
    assert not {name for name in moved if name.startswith("encoder.") or not encoder_only}
    assert bool(moved) == encoder_only


def test_heads_start_at_the_rooms_middle_depth() -> None:
    maps = TaskHeads(8).eval()(torch.rand(1, 8, 4, 4))
    assert maps["depth"].exp().mean().item() == pytest.approx(2.5, rel=0.1)


def test_a_network_has_the_heads_of_its_tasks_alone_in_one_order() -> None:
    network = small(classes=3, tasks=["normals", "semantics"])
    assert network.heads.tasks == ("semantics", "normals")
    maps = network(IMAGE)
    assert {name: value.shape[1] for name, value in maps.items()} == {"semantics": 3, "normals": 3}
    assert not any(name.startswith("heads.depth") for name in network.state_dict())


def test_an_unknown_network_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"efficientnet_lite0.*resnet26.*resnet50"):
        build("vgg")


def test_the_scene_context_says_one_thing_of_all_pixels_and_nothing_at_first() -> None:
    context, x = SceneContext(6, 4), torch.randn(2, 6, 8, 10)
    assert not context(x).any()
    torch.nn.init.normal_(context.last.weight)
    said = context(x)
    assert said.shape == (2, 4, 1, 1) and said.std() > 0.01
    shuffled = x.flatten(2)[..., torch.randperm(80)].view_as(x)
    torch.testing.assert_close(context(shuffled), said, rtol=1e-4, atol=1e-5)


def test_context_brings_what_one_corner_shows_to_the_other(randomise) -> None:
    """The trunk's input changes at every pixel: the mean sees the corner that no filter there reaches."""
    network = small("efficientnet_lite0", gated=False)
    randomise(network)
    changed = []
    for context in (network.context, None):
        network.context = context
        inputs: list[torch.Tensor] = []
        handle = network.trunk[0].register_forward_pre_hook(lambda _, x, seen=inputs: seen.append(x[0]))
        darker = torch.zeros(1, 3, 64, 1024)
        network(darker)
        darker[..., :32] = -1
        network(darker)
        handle.remove()
        changed.append((inputs[0] - inputs[1]).abs().amax((0, 1, 2))[-1].item())
    assert changed[0] > 1e-5 and changed[1] == 0


def test_a_network_on_a_truncated_encoder_gives_the_same_kind_of_maps() -> None:
    full, short = small("efficientnet_lite0"), small("efficientnet_lite0", encoder_blocks=12)
    assert short.encoder.top_channels == 192
    shapes = ({name: value.shape for name, value in network(IMAGE).items()} for network in (short, full))
    assert next(shapes) == next(shapes)
    assert set(short.gates()) < set(full.gates())
