"""The talk's backbone: a ResNet of gated bottlenecks with the stride in the first 1x1."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from model_export.networks.blocks import Bottleneck, run_stages
from model_export.networks.layers import PerforatedConv2d
from model_export.networks.pixels import PIXEL_MEAN, PIXEL_SCALE
from model_export.networks.pooling import MultiPool

BLOCKS = {26: (2, 2, 2, 2), 50: (3, 4, 6, 3)}
_FINE_STAGE = 1


class ResNet(nn.Module):
    """Features of stride 8 (res3) and of the output stride (res5) from a normalised image.

    MultiPool takes the place of the 3x3 in res5's second block (networks of the talk, section 5); that block
    then routes by dilation and by its gate.

    Args:
        depth: 26 or 50 layers.
        width: multiplier of every channel count.
        output_stride: 8 (res4 dilated by 2, res5 by 4) or 16 (res5 dilated by 2).
        skipped: what a skipped pixel gets, one of blocks.SKIPPED.
        gated: whether blocks have gates.
        multipool: mode of MultiPool, or None for the plain 3x3.
    """

    def __init__(
        self,
        *,
        depth: int = 50,
        width: float = 1.0,
        output_stride: int = 8,
        skipped: str = "interpolate",
        gated: bool = True,
        multipool: str | None = "pag",
    ) -> None:
        super().__init__()
        if depth not in BLOCKS or output_stride not in (8, 16):
            raise ValueError(f"depth must be one of {sorted(BLOCKS)}, output_stride 8 or 16")
        stem = round(64 * width)
        self.stem = PerforatedConv2d(3, stem, 7, stride=2, activation="relu")
        self.pool = nn.MaxPool2d(3, 2, 1)
        strides = (1, 2, 2 if output_stride == 16 else 1, 1)
        dilations = (1, 1, 1 if output_stride == 16 else 2, 2 if output_stride == 16 else 4)
        self.stages = nn.ModuleList()
        channels = stem
        for index, repeats in enumerate(BLOCKS[depth]):
            middle, out = round(64 * 2**index * width), round(256 * 2**index * width)
            stage = nn.ModuleList()
            for block in range(repeats):
                pool = MultiPool(middle, mode=multipool) if multipool and (index, block) == (3, 1) else None
                stage.append(
                    Bottleneck(
                        channels, middle, out, stride=strides[index] if block == 0 else 1,
                        dilation=dilations[index], skipped=skipped, gated=gated, multipool=pool,
                    )
                )  # fmt: skip
                channels = out
            self.stages.append(stage)
        self.fine_channels, self.fine_stride = round(512 * width), 8
        self.top_channels, self.top_stride = channels, output_stride

    def forward(self, x: Tensor, ratios: dict[str, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """(fine [N, C, H/8, W/8], top [N, 4C, H/s, W/s]) from x [N, 3, H, W], s the output stride."""
        return run_stages(self.stages, self.pool(self.stem(x)), ratios, _FINE_STAGE)


_LAYERS = {"first": ("conv1", "bn1"), "middle": ("conv2", "bn2"), "last": ("conv3", "bn3"),
           "shortcut": ("downsample.0", "downsample.1")}  # fmt: skip


def load_torchvision(network: ResNet, state: Mapping[str, Tensor]) -> list[str]:
    """Copies a torchvision-format ImageNet state dict; returns what does not fit.

    Each returned line names an entry of the network and why it kept its own value: absent in the state dict,
    or of another shape. MultiPool's branches all start from the 3x3 they replace; its head and the gates are
    new and not listed. The stem is adapted to (pixel - 127) / 128, which our networks are fed.
    """
    target = network.state_dict()
    state = _for_our_pixels(state)
    problems = []
    for name in target:
        if ".gate." in name or ".head." in name:
            continue
        source = _torchvision_name(name)
        if source not in state:
            problems.append(f"{name}: the state dict has no {source}")
        elif state[source].shape != target[name].shape:
            problems.append(
                f"{name}: shape {tuple(target[name].shape)}, {source} has {tuple(state[source].shape)}"
            )
        else:
            target[name] = state[source]
    network.load_state_dict(target)
    return problems


# torchvision's networks see (pixel / 255 - mean) / deviation.
_IMAGENET_MEAN = torch.tensor([0.485, 0.456, 0.406])
_IMAGENET_DEVIATION = torch.tensor([0.229, 0.224, 0.225])


def _for_our_pixels(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state dict with its first convolution as a function of (pixel - 127) / 128."""
    adapted = dict(state)
    if {"conv1.weight", "bn1.running_mean"} <= state.keys() and state["conv1.weight"].shape[1] == 3:
        weight = state["conv1.weight"]
        offset = (PIXEL_MEAN / 255 - _IMAGENET_MEAN) / _IMAGENET_DEVIATION
        scale = PIXEL_SCALE / 255 / _IMAGENET_DEVIATION
        adapted["conv1.weight"] = weight * scale[:, None, None]
        adapted["bn1.running_mean"] = state["bn1.running_mean"] - weight.sum((2, 3)) @ offset
    return adapted


def _torchvision_name(name: str) -> str:
    parts = name.split(".")
    if parts[0] == "stem":
        return "conv1.weight" if parts[1] == "weight" else f"bn1.{parts[-1]}"
    _, stage, block, layer, *rest = parts
    if rest[0] == "branches":
        rest = rest[2:]
    conv, norm = _LAYERS[layer]
    entry = f"{norm}.{rest[-1]}" if rest[0] == "norm" else f"{conv}.{rest[-1]}"
    return f"layer{int(stage) + 1}.{block}.{entry}"
