"""The ResNet has the talk's layout and takes torchvision's ImageNet weights."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from model_export.networks.resnet import BLOCKS, ResNet, load_torchvision

EXPANSION = 4


def torchvision_state(depth: int) -> dict[str, Tensor]:
    """Random tensors of the names and shapes of torchvision's bottleneck ResNets."""
    state = _unit("conv1", "bn1", 64, 3, 7)
    channels = 64
    for stage, repeats in enumerate(BLOCKS[depth]):
        width = 64 * 2**stage
        for block in range(repeats):
            name = f"layer{stage + 1}.{block}."
            state |= _unit(f"{name}conv1", f"{name}bn1", width, channels, 1)
            state |= _unit(f"{name}conv2", f"{name}bn2", width, width, 3)
            state |= _unit(f"{name}conv3", f"{name}bn3", EXPANSION * width, width, 1)
            if block == 0:
                shortcut = f"{name}downsample."
                state |= _unit(f"{shortcut}0", f"{shortcut}1", EXPANSION * width, channels, 1)
            channels = EXPANSION * width
    return state | {"fc.weight": torch.rand(1000, channels), "fc.bias": torch.rand(1000)}


def _unit(conv: str, norm: str, outputs: int, inputs: int, kernel: int) -> dict[str, Tensor]:
    vectors = {
        f"{norm}.{part}": torch.rand(outputs) for part in ("weight", "bias", "running_mean", "running_var")
    }
    counter = {f"{norm}.num_batches_tracked": torch.tensor(5)}
    return {f"{conv}.weight": torch.rand(outputs, inputs, kernel, kernel), **vectors, **counter}


def test_the_made_state_dict_is_torchvision_s_resnet50() -> None:
    """25,557,032 parameters and 53 batch norms: the published figures."""
    state = torchvision_state(50)
    buffers = ("running_mean", "running_var", "num_batches_tracked")
    assert sum(v.numel() for n, v in state.items() if not n.endswith(buffers)) == 25_557_032
    assert sum(n.endswith("running_mean") for n in state) == 53


@pytest.mark.parametrize("multipool", [None, "pag"])
def test_all_of_a_resnet50_s_state_dict_fits(multipool: str | None) -> None:
    state, network = torchvision_state(50), ResNet(depth=50, multipool=multipool)
    assert load_torchvision(network, state) == []
    found = network.state_dict()
    pairs = {
        "stem.norm.weight": "bn1.weight",
        "stem.norm.running_var": "bn1.running_var",
        "stages.0.0.shortcut.weight": "layer1.0.downsample.0.weight",
        "stages.2.5.last.norm.running_mean": "layer3.5.bn3.running_mean",
        "stages.3.2.middle.weight": "layer4.2.conv2.weight",
    }
    if multipool:
        pairs |= {f"stages.3.1.middle.branches.{i}.weight": "layer4.1.conv2.weight" for i in range(6)}
    else:
        used = len([n for n in found if ".gate." not in n])
        assert used == len(state) - 2, "all but the classifier's two entries are used"
    for ours, theirs in pairs.items():
        assert torch.equal(found[ours], state[theirs]), ours


def test_the_stem_answers_our_pixels_as_torchvision_s_answers_its_own() -> None:
    state = torchvision_state(26)
    network = ResNet(depth=26, gated=False, multipool=None).eval()
    load_torchvision(network, state)
    pixels = torch.randint(0, 256, (1, 3, 64, 64)).float()
    mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
    deviation = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    norm = [state[f"bn1.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
    theirs = F.conv2d((pixels / 255 - mean) / deviation, state["conv1.weight"], None, 2, 3)
    expected = F.relu(F.batch_norm(theirs, *norm))
    ours = network.stem((pixels - 127) / 128)
    # Away from the border: zero padding stands for another grey in each normalisation.
    torch.testing.assert_close(ours[..., 2:-2, 2:-2], expected[..., 2:-2, 2:-2], rtol=1e-4, atol=1e-3)


def test_another_width_and_absent_entries_are_named_and_the_rest_is_loaded() -> None:
    state = torchvision_state(26)
    del state["layer2.1.conv3.weight"]
    state["layer1.0.conv2.weight"] = torch.rand(32, 32, 3, 3)
    network = ResNet(depth=26, multipool=None)
    assert load_torchvision(network, state) == [
        "stages.0.0.middle.weight: shape (64, 64, 3, 3), layer1.0.conv2.weight has (32, 32, 3, 3)",
        "stages.1.1.last.weight: the state dict has no layer2.1.conv3.weight",
    ]
    assert torch.equal(network.state_dict()["stages.1.1.first.weight"], state["layer2.1.conv1.weight"])


@pytest.mark.parametrize(("output_stride", "size"), [(8, (8, 12)), (16, (4, 6))])
def test_output_strides(output_stride: int, size: tuple[int, int]) -> None:
    network = ResNet(depth=26, width=0.125, output_stride=output_stride).eval()
    fine, top = network(torch.zeros(1, 3, 64, 96))
    assert fine.shape == (1, 64, 8, 12) and top.shape == (1, 256, *size)
    assert (network.top_channels, network.top_stride) == (256, output_stride)


def test_dilation_keeps_the_field_of_view_where_stride_is_given_up() -> None:
    dilations = {
        stride: [
            stage[0].middle.dilation for stage in ResNet(depth=26, width=0.125, output_stride=stride).stages
        ]
        for stride in (8, 16)
    }
    assert dilations == {8: [1, 1, 2, 4], 16: [1, 1, 1, 2]}


@pytest.mark.parametrize("wrong", [{"depth": 34}, {"output_stride": 32}])
def test_unknown_layouts_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"depth must be one of \[26, 50\], output_stride 8 or 16"):
        ResNet(width=0.125, **wrong)
