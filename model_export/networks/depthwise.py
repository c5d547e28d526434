"""Depthwise convolution whose backward pass is fast on a CPU."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


class _DepthwiseConv(torch.autograd.Function):
    """Stride-1 depthwise convolution with "same" padding.

    The stock backward pass of depthwise layers took most of the training time on CPUs. The gradient of the
    input is itself a depthwise convolution with the mirrored kernel, as fast as the forward pass, and the
    gradient of the weight is fastest in float32.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, dilation: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.dilation = dilation
        return _same_conv(x, weight, dilation)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        (gradient,) = gradients
        x, weight = ctx.saved_tensors
        grad_x = _same_conv(gradient, weight.flip(2, 3), ctx.dilation) if ctx.needs_input_grad[0] else None
        grad_weight = _weight_gradient(gradient, x, weight, ctx.dilation) if ctx.needs_input_grad[1] else None
        return grad_x, grad_weight, None


def _padding(weight: Tensor, dilation: int) -> tuple[int, int]:
    return dilation * (weight.shape[2] // 2), dilation * (weight.shape[3] // 2)


def _same_conv(x: Tensor, weight: Tensor, dilation: int) -> Tensor:
    return F.conv2d(x, weight, None, 1, _padding(weight, dilation), dilation, weight.shape[0])


def _weight_gradient(gradient: Tensor, x: Tensor, weight: Tensor, dilation: int) -> Tensor:
    _, grad_weight, _ = torch.ops.aten.convolution_backward(
        gradient.float(), x.float(), weight.float(), [0], [1, 1], list(_padding(weight, dilation)),
        [dilation, dilation], False, [0, 0], weight.shape[0], [False, True, False],
    )  # fmt: skip
    return grad_weight.to(weight.dtype)  # type: ignore[no-any-return]


def depthwise_conv(x: Tensor, weight: Tensor, dilation: int = 1) -> Tensor:
    """Depthwise convolution, stride 1, zero padding that keeps the size.

    Args:
        x: float [N, C, H, W].
        weight: float [C, 1, k, k], k odd.
        dilation: taps are this many pixels apart.

    Returns:
        float [N, C, H, W] in the dtype of x.
    """
    return _DepthwiseConv.apply(x, weight.to(x.dtype), dilation)  # type: ignore[no-any-return, no-untyped-call]
