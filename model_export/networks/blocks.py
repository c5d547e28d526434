"""Residual blocks with a gate: the bottleneck of ResNet and the inverted bottleneck of EfficientNet-Lite."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from model_export.networks.gates import BlockGate, Gate, LayerGate
from model_export.networks.layers import PerforatedConv2d
from model_export.networks.pooling import MultiPool

SKIPPED = ("skip", "bypass", "interpolate", "layer")
"""What a skipped pixel gets.

skip: the branch counts as zero, O = act(shortcut(I)); the first 1x1 runs everywhere.
bypass: the authors' code: only the middle convolution is skipped, its input taking its place.
interpolate: every convolution of the branch is computed on the mask alone and interpolated elsewhere from the
always-computed coarse grid.
layer: as skip, for all pixels of an image or none, the first 1x1 too: layer skipping.
"""


def _fills(skipped: str) -> tuple[str, str]:
    """Fills of the first 1x1 and of the last 1x1."""
    if skipped not in SKIPPED:
        raise ValueError(f"skipped must be one of {SKIPPED}, got {skipped!r}")
    return ("interpolate", "interpolate") if skipped == "interpolate" else ("zero", "zero")


def _gate(in_channels: int, stride: int, skipped: str) -> BlockGate:
    if skipped == "layer":
        return LayerGate(in_channels, stride=stride)
    return Gate(in_channels, stride=stride, coarse_stride=2 if skipped == "interpolate" else 0)


class _GatedBranch(nn.Module):
    """conv 1x1, middle convolution, conv 1x1; the same three ways of skipping for both kinds of block."""

    first: PerforatedConv2d
    middle: PerforatedConv2d | MultiPool
    last: PerforatedConv2d

    def __init__(self, in_channels: int, stride: int, skipped: str, gated: bool) -> None:
        super().__init__()
        self.skipped = skipped
        self.gate = _gate(in_channels, stride, skipped) if gated else None
        self.select = MaskSelect()

    def mask(self, x: Tensor, ratios: dict[str, Tensor] | None) -> Tensor | None:
        """The gate's mask [N, 1, Ho, Wo], or None where the block runs densely."""
        if self.gate is None or ratios is None:
            return None
        mask: Tensor = self.gate(x, ratios[self.gate_name])
        return mask

    gate_name = ""

    def branch(self, x: Tensor, mask: Tensor | None, residual: Tensor | None) -> Tensor:
        """act(F(x) + residual), F computed at the mask's pixels."""
        if self.skipped in ("interpolate", "layer"):
            y = self.middle(self.first(x, mask), mask)
            return self.last(y, mask, residual)  # type: ignore[no-any-return]
        y = self.first(x)
        if self.skipped == "bypass":
            return self.last(self.select(mask, self.middle(y, mask), y), None, residual)  # type: ignore[no-any-return]
        return self.last(self.middle(y, mask), mask, residual)  # type: ignore[no-any-return]


class MaskSelect(nn.Module):
    """The computed value where the mask says so, the bypassed one elsewhere."""

    def forward(self, mask: Tensor | None, computed: Tensor, bypassed: Tensor) -> Tensor:
        """[N, C, H, W] of both values' shape; mask [N, 1, H, W], bool or in [0, 1]; None: all computed."""
        if mask is None:
            return computed
        if mask.dtype == torch.bool:
            return torch.where(mask, computed, bypassed)
        return torch.lerp(bypassed, computed, mask.to(computed.dtype))


def run_stages(
    stages: nn.ModuleList, x: Tensor, ratios: dict[str, Tensor] | None, fine_stage: int
) -> tuple[Tensor, Tensor]:
    """(output of stage number fine_stage, output of the last), each stage a ModuleList of blocks."""
    fine = x
    for index, stage in enumerate(stages):
        for block in stage:  # type: ignore[attr-defined]
            x = block(x, ratios)
        if index == fine_stage:
            fine = x
    return fine, x


class Bottleneck(_GatedBranch):
    """ResNet's bottleneck with the stride in its first 1x1 (networks of the talk, section 1).

    Args:
        in_channels, width, out_channels: of the input, of the 3x3, of the output.
        stride, dilation: of the first 1x1, of the 3x3.
        skipped: one of SKIPPED.
        gated: whether the block has a gate.
        multipool: replaces the 3x3 if given.
    """

    def __init__(
        self,
        in_channels: int,
        width: int,
        out_channels: int,
        *,
        stride: int = 1,
        dilation: int = 1,
        skipped: str = "interpolate",
        gated: bool = True,
        multipool: MultiPool | None = None,
    ) -> None:
        super().__init__(in_channels, stride, skipped, gated)
        first_fill, last_fill = _fills(skipped)
        self.first = PerforatedConv2d(in_channels, width, stride=stride, activation="relu", fill=first_fill)
        self.middle = multipool or PerforatedConv2d(
            width, width, 3, dilation=dilation, activation="relu", fill="unread"
        )
        self.last = PerforatedConv2d(width, out_channels, activation="relu", fill=last_fill)
        identity = stride == 1 and in_channels == out_channels
        self.shortcut = None if identity else PerforatedConv2d(in_channels, out_channels, stride=stride)

    def forward(self, x: Tensor, ratios: dict[str, Tensor] | None = None) -> Tensor:
        """[N, out_channels, H/stride, W/stride] from [N, in_channels, H, W]; ratios: gate name -> [N]."""
        mask = self.mask(x, ratios)
        residual = x if self.shortcut is None else self.shortcut(x)
        return self.branch(x, mask, residual)


class InvertedBottleneck(_GatedBranch):
    """EfficientNet-Lite's block: expand 1x1, depthwise, project 1x1, identity where the shapes allow.

    Gated with skipped="interpolate" wherever the stride is 1; otherwise only where there is an identity path.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        kernel_size: int,
        expansion: int,
        stride: int = 1,
        dilation: int = 1,
        skipped: str = "interpolate",
        gated: bool = True,
        eps: float = 1e-3,
    ) -> None:
        identity = stride == 1 and in_channels == out_channels
        gateable = stride == 1 and expansion > 1 and (identity or skipped == "interpolate")
        super().__init__(in_channels, stride, skipped, gated and gateable)
        first_fill, last_fill = _fills(skipped)
        width = in_channels * expansion
        self.first = PerforatedConv2d(in_channels, width, activation="relu6", fill=first_fill, eps=eps)
        if expansion == 1:
            self.first = nn.Identity()  # type: ignore[assignment]
        self.middle = PerforatedConv2d(
            width, width, kernel_size, stride=stride, dilation=dilation, depthwise=True,
            activation="relu6", fill="unread", padding="tensorflow", eps=eps,
        )  # fmt: skip
        self.last = PerforatedConv2d(width, out_channels, fill=last_fill, eps=eps)
        self.identity = identity

    def forward(self, x: Tensor, ratios: dict[str, Tensor] | None = None) -> Tensor:
        """[N, out_channels, H/stride, W/stride] from [N, in_channels, H, W]; ratios: gate name -> [N]."""
        mask = self.mask(x, ratios)
        residual = x if self.identity else None
        if isinstance(self.first, nn.Identity):
            return self.last(self.middle(x), None, residual)  # type: ignore[no-any-return]
        return self.branch(x, mask, residual)
