"""oneDNN's bf16 convolutions through torch, as a frozen compiled model would call them.

Weights are packed at the first call, and activation and residual addition happen within the convolution, by
torch.ops.mkldnn._convolution_pointwise, which torch.compile puts into frozen models; maps are bf16, channels
last. That is the fastest way to them from Python: no compiler, and no conversion of inputs or outputs.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.timing import Run
from model_export.networks.layers import PerforatedConv2d
from model_export.networks.parser import DenseParser
from model_export.networks.pixels import normalise

_UNARY = {"none": "none", "relu": "relu", "relu6": "hardtanh"}
_SCALARS: dict[str, list[float]] = {"none": [], "relu": [], "relu6": [0.0, 6.0]}


class OneDnnConv(nn.Module):
    """A PerforatedConv2d without its mask.

    Args:
        weight: [Co, Ci / groups, k, k].
        bias: [Co].
        pads: (top, left, bottom, right).
    """

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor,
        *,
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
        pads: tuple[int, int, int, int] = (0, 0, 0, 0),
        activation: str = "none",
    ) -> None:
        super().__init__()
        top, left, bottom, right = pads
        self.extra = (0, right - left, 0, bottom - top)  # what a symmetric padding lacks
        self.settings = ([top, left], [stride] * 2, [dilation] * 2, groups)
        self.activation = activation
        self.weight = weight.to(torch.bfloat16).contiguous(memory_format=torch.channels_last)
        self.bias = bias.to(torch.bfloat16)
        self.packed: Tensor | None = None

    def forward(self, x: Tensor, mask: Tensor | None = None, residual: Tensor | None = None) -> Tensor:
        """bf16 [N, Co, Ho, Wo], channels last, of x and residual likewise."""
        assert mask is None, "this peer computes every pixel"
        if any(self.extra):
            x = F.pad(x, self.extra)
        if self.packed is None:  # the right order of the weights depends on the size of the map
            size = list(x.shape)
            self.packed = torch.ops.mkldnn._reorder_convolution_weight(self.weight, *self.settings, size)
        operation, unary = torch.ops.mkldnn._convolution_pointwise, _UNARY[self.activation]
        scalars = _SCALARS[self.activation]
        if residual is None:
            result = operation(x, self.packed, self.bias, *self.settings, unary, scalars, None)
        else:
            tail = (*self.settings, "add", 1.0, unary, scalars, None)
            result = operation.binary(x, residual, self.packed, self.bias, *tail)
        return result  # type: ignore[no-any-return]


def onednn_network(network: DenseParser, image: Tensor, threads: int) -> Run:
    """Runs the network ungated on image uint8 [N, H, W, 3]; gives semantic logits as float32 [N, h, w, K]."""
    torch.set_num_threads(threads)
    converted = _converted(copy.deepcopy(network).eval())

    @torch.inference_mode()
    def run() -> Any:
        maps = converted(normalise(image).to(torch.bfloat16))
        return maps["semantics"].permute(0, 2, 3, 1).float().numpy()

    return run


def _converted(network: DenseParser) -> DenseParser:
    for parent in list(network.modules()):
        for name, layer in parent.named_children():
            if isinstance(layer, PerforatedConv2d):
                setattr(parent, name, _of(layer))
    return network


def _of(layer: PerforatedConv2d) -> OneDnnConv:
    weight, bias = layer.folded()
    return OneDnnConv(
        weight.detach(), bias.detach(), stride=layer.stride, dilation=layer.dilation, groups=layer.groups,
        pads=layer.pads, activation=layer.activation,
    )  # fmt: skip
