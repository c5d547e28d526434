"""PerforatedConv2d: convolution, batch norm, residual and activation, computed where a mask says."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model_export.networks.depthwise import depthwise_conv
from model_export.op.torch_op import interpolate_from_grid

FILLS = ("zero", "interpolate", "unread")
ACTIVATIONS = {"none": lambda v: v, "relu": F.relu, "relu6": F.relu6}


class PerforatedConv2d(nn.Module):
    """The training form of pag::PerforatedConv: V = bn(conv(x)) at computed pixels, Y = act(V + R).

    Args:
        in_channels, out_channels, kernel_size, stride, dilation: of the convolution.
        depthwise: one filter a channel (in_channels == out_channels).
        activation: "none", "relu" or "relu6".
        fill: V outside the mask: "zero", "interpolate" (from the always-computed coarse grid) or "unread"
            (no later layer reads those pixels, so training need not overwrite them; exported as "zero").
        padding: "symmetric", or "tensorflow": its "same" rule, which for stride 2 and an even size pads one
            pixel less at the top and left.
        norm: batch normalisation (True) or a plain bias (False).
        eps: of the batch normalisation.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int = 1,
        *,
        stride: int = 1,
        dilation: int = 1,
        depthwise: bool = False,
        activation: str = "none",
        fill: str = "zero",
        padding: str = "symmetric",
        norm: bool = True,
        eps: float = 1e-5,
    ) -> None:
        super().__init__()
        if fill not in FILLS or activation not in ACTIVATIONS:
            raise ValueError(f"unknown fill {fill!r} or activation {activation!r}")
        self.groups = in_channels if depthwise else 1
        self.kernel_size, self.stride, self.dilation = kernel_size, stride, dilation
        self.activation, self.fill = activation, fill
        self.pads = _pads(kernel_size, stride, dilation, padding)
        self.weight = nn.Parameter(
            torch.empty(out_channels, in_channels // self.groups, kernel_size, kernel_size)
        )
        self.bias = None if norm else nn.Parameter(torch.zeros(out_channels))
        self.norm = nn.BatchNorm2d(out_channels, eps=eps) if norm else None
        self.statistics_frozen = False
        nn.init.kaiming_normal_(self.weight, mode="fan_in", nonlinearity="relu")

    def train(self, mode: bool = True) -> PerforatedConv2d:
        """Training mode; frozen statistics stay as they are, with scale and shift still trained."""
        super().train(mode)
        if self.norm is not None and self.statistics_frozen:
            self.norm.eval()
        return self

    def folded(self) -> tuple[Tensor, Tensor]:
        """Weight [Co, Ci/groups, k, k] and bias [Co] with the batch norm's stored statistics folded in."""
        if self.norm is None:
            assert self.bias is not None, "without a norm there is a bias"
            return self.weight, self.bias
        mean, var = self.norm.running_mean, self.norm.running_var
        assert mean is not None and var is not None, "the norm tracks statistics"
        scale = self.norm.weight * torch.rsqrt(var + self.norm.eps)
        return self.weight * scale[:, None, None, None], self.norm.bias - mean * scale

    @torch.no_grad()
    def fold_norm(self) -> None:
        """Put the norm into weight and bias for good, the weight rounded to the nearest bfloat16 values.

        Kernels that multiply bfloat16 and those that multiply float32 then run the same weights.
        """
        weight, bias = self.folded()
        self.weight = nn.Parameter(weight.to(torch.bfloat16).to(weight.dtype))
        self.bias, self.norm = nn.Parameter(bias.clone()), None

    def forward(self, x: Tensor, mask: Tensor | None = None, residual: Tensor | None = None) -> Tensor:
        """Y [N, Co, Ho, Wo] from x [N, Ci, H, W], mask [N, 1, Ho, Wo] in [0, 1] and residual like Y."""
        narrow_input = self._fills_at_input()
        if mask is not None and narrow_input:
            x, mask = _blend(x, mask, self.fill), None
        v = self._convolve(x)
        if mask is not None and self.fill != "unread":
            v = _blend(v, mask, self.fill)
        y: Tensor = ACTIVATIONS[self.activation](v if residual is None else v + residual)
        return y

    def _fills_at_input(self) -> bool:
        # Interpolation weights sum to one, so a 1x1 convolution of the interpolated input is the
        # interpolated output: filling the narrower of the two is the same and cheaper.
        pointwise = self.kernel_size == 1 and self.stride == 1
        return self.fill == "interpolate" and pointwise and self.weight.shape[1] < self.weight.shape[0]

    def _convolve(self, x: Tensor) -> Tensor:
        if self.norm is not None and self.norm.training:
            return self.norm(self._conv(x, self.weight, None))  # type: ignore[no-any-return]
        return self._conv(x, *self.folded())

    def _conv(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if self.groups > 1 and self.stride == 1 and self.training:
            v = depthwise_conv(x, weight, self.dilation)
            return v if bias is None else v + bias.to(v.dtype)[None, :, None, None]
        top, left, bottom, right = self.pads
        if (top, left) != (bottom, right):
            x, top, left = F.pad(x, (left, right, top, bottom)), 0, 0
        return F.conv2d(x, weight, bias, self.stride, (top, left), self.dilation, self.groups)


def _pads(kernel_size: int, stride: int, dilation: int, padding: str) -> tuple[int, int, int, int]:
    total = dilation * (kernel_size - 1)
    if padding == "symmetric" or stride == 1:
        return (total // 2,) * 4
    if padding == "tensorflow":
        before = (total + 1 - stride) // 2
        after = total + 1 - stride - before
        return before, before, after, after
    raise ValueError(f"padding must be 'symmetric' or 'tensorflow', got {padding!r}")


def _blend(v: Tensor, mask: Tensor, fill: str) -> Tensor:
    mask = mask.to(v.dtype)
    if fill == "zero":
        return v * mask
    return torch.lerp(interpolate_from_grid(v), v, mask)
