"""The encoder is EfficientNet-Lite0 and takes its ImageNet weights entirely."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from model_export.networks.efficientnet_lite import EfficientNetLite0, imagenet_state_dict, load_imagenet

CLASSIFIER = ("_conv_head.", "_bn1.", "_fc.")
EPS = 1e-3


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    return imagenet_state_dict()


@pytest.fixture(scope="module")
def encoder(state: dict[str, Tensor]) -> EfficientNetLite0:
    encoder = EfficientNetLite0().eval()
    assert load_imagenet(encoder, state) == []
    return encoder


def test_every_entry_is_found_and_every_one_but_the_classifier_s_used(state: dict[str, Tensor]) -> None:
    numbered = {name: torch.full_like(value, index) for index, (name, value) in enumerate(state.items())}
    encoder = EfficientNetLite0()
    assert load_imagenet(encoder, numbered) == []
    used = [int(value.flatten()[0]) for name, value in encoder.state_dict().items() if ".gate." not in name]
    want = [index for index, name in enumerate(state) if not name.startswith(CLASSIFIER)]
    assert sorted(used) == want


def test_the_features_of_stride_8_are_those_of_the_published_layers(
    encoder: EfficientNetLite0, state: dict[str, Tensor]
) -> None:
    """Stem and five blocks written out with the state dict's own names."""
    x = torch.rand(1, 3, 64, 96) * 2 - 1
    fine, _ = encoder(x)
    v = F.relu6(_unit(x, state, "_conv_stem.weight", "_bn0", stride=2))
    for index, stride in enumerate((1, 2, 1, 2, 1)):
        v = _published_block(v, state, f"_blocks.{index}.", stride)
    torch.testing.assert_close(fine, v, rtol=1e-3, atol=1e-3)


def _published_block(x: Tensor, state: dict[str, Tensor], name: str, stride: int) -> Tensor:
    v = x
    if f"{name}_expand_conv.weight" in state:
        v = F.relu6(_unit(v, state, f"{name}_expand_conv.weight", f"{name}_bn0"))
    v = F.relu6(
        _unit(v, state, f"{name}_depthwise_conv.weight", f"{name}_bn1", stride=stride, groups=v.shape[1])
    )
    v = _unit(v, state, f"{name}_project_conv.weight", f"{name}_bn2")
    return v + x if v.shape == x.shape else v


def _unit(
    x: Tensor, state: dict[str, Tensor], conv: str, norm: str, *, stride: int = 1, groups: int = 1
) -> Tensor:
    weight = state[conv]
    total = weight.shape[2] - stride
    v = F.conv2d(F.pad(x, (total // 2, total - total // 2) * 2), weight, None, stride, 0, 1, groups)
    mean, var = state[f"{norm}.running_mean"], state[f"{norm}.running_var"]
    return F.batch_norm(v, mean, var, state[f"{norm}.weight"], state[f"{norm}.bias"], eps=EPS)


def test_strides_and_channels(encoder: EfficientNetLite0) -> None:
    fine, top = encoder(torch.zeros(2, 3, 64, 96))
    assert fine.shape == (2, 40, 8, 12) and top.shape == (2, 320, 4, 6)


@pytest.mark.parametrize(("blocks", "channels"), [(6, 80), (11, 112), (12, 192), (14, 192), (16, 320)])
def test_a_truncated_encoder_is_the_first_blocks_of_the_whole_one(
    encoder: EfficientNetLite0, state: dict[str, Tensor], blocks: int, channels: int
) -> None:
    short = EfficientNetLite0(blocks=blocks).eval()
    assert load_imagenet(short, state) == []
    assert sum(len(stage) for stage in short.stages) == blocks
    x = torch.rand(1, 3, 64, 96) * 2 - 1
    (fine, top), (whole_fine, _) = short(x), encoder(x)
    assert top.shape == (1, channels, 4, 6) and short.top_channels == channels
    assert torch.equal(fine, whole_fine)


@pytest.mark.parametrize("blocks", [0, 5, 17])
def test_an_encoder_that_does_not_reach_stride_16_is_refused(blocks: int) -> None:
    with pytest.raises(ValueError, match=f"6 to 16 blocks, not {blocks}"):
        EfficientNetLite0(blocks=blocks)


def test_what_is_absent_or_of_another_shape_is_named(state: dict[str, Tensor]) -> None:
    changed = {name: value for name, value in state.items() if name != "_blocks.3._bn1.weight"}
    changed["_conv_stem.weight"] = torch.zeros(16, 3, 3, 3)
    encoder = EfficientNetLite0()
    before = encoder.stem.weight.clone()
    assert load_imagenet(encoder, changed) == ["stem.weight", "stages.2.0.middle.norm.weight"]
    assert torch.equal(encoder.stem.weight, before)
