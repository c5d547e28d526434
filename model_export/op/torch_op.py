"""The operators in PyTorch, N,C,H,W: differentiable, for training and for export."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

GRID_STRIDE = 2


def grid_mask(height: int, width: int, device: torch.device | None = None) -> Tensor:
    """Bool [height, width]: true at the coarse grid, the pixels with even y and even x."""
    mask = torch.zeros(height, width, dtype=torch.bool, device=device)
    mask[::GRID_STRIDE, ::GRID_STRIDE] = True
    return mask


def interpolate_from_grid(v: Tensor) -> Tensor:
    """Bilinear interpolation of a map from its own coarse grid.

    Along an axis, an even index keeps its value and an odd one takes the mean of its two neighbours, or
    the value of the left one where the right one lies outside.

    Args:
        v: [N, C, H, W], any H, W >= 1; only v[..., ::2, ::2] is read.

    Returns:
        [N, C, H, W]; differentiable, with no gradient to the pixels outside the grid.
    """
    height, width = v.shape[-2:]
    grid = v[..., ::GRID_STRIDE, ::GRID_STRIDE]
    return _double(_double(grid, -1, width), -2, height)


def _double(grid: Tensor, dim: int, length: int) -> Tensor:
    """The values between neighbours along dim (-1 or -2) put in, cut to length."""
    right = torch.cat([grid.narrow(dim, 1, grid.shape[dim] - 1), grid.narrow(dim, -1, 1)], dim)
    pairs = torch.stack([grid, torch.lerp(grid, right, 0.5)], dim)
    return pairs.flatten(dim - 1, dim).narrow(dim, 0, length)


def perforated_conv(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    mask: Tensor | None = None,
    residual: Tensor | None = None,
    *,
    stride: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
    padding: tuple[int, int, int, int] = (0, 0, 0, 0),
    groups: int = 1,
    activation: str = "none",
    fill: str = "zero",
) -> Tensor:
    """The operator pag::PerforatedConv on PyTorch's axis order.

    Every pixel is computed and the mask then chooses between the convolution and the fill, so a mask of
    floats receives a gradient; for speed use the exported network with the native library.

    Args:
        x: float [N, Ci, H, W].
        weight: float [Co, Ci / groups, kh, kw].
        bias: float [Co] or None.
        mask: [N, 1, Ho, Wo] or None (all computed); bool, or float in [0, 1]: m * V + (1 - m) * fill(V).
        residual: float [N, Co, Ho, Wo] or None; added before the activation at every pixel.
        stride, dilation: (y, x).
        padding: zeros added at (top, left, bottom, right).
        groups: 1, or Ci = Co for a depthwise convolution.
        activation: "none", "relu" or "relu6".
        fill: what a pixel outside the mask gets: "zero" or "interpolate" (from the coarse grid, whose
            pixels are then computed whatever the mask says).

    Returns:
        float [N, Co, Ho, Wo].

    Raises:
        ValueError: mask or residual do not have the output's shape; activation or fill is unknown.
    """
    if fill not in _FILLS:
        raise ValueError(f"fill must be 'zero' or 'interpolate', got {fill!r}")
    v = _convolve(x, weight, bias, padding, stride=stride, dilation=dilation, groups=groups)
    if mask is not None:
        _require_shape("mask", mask, (v.shape[0], 1, *v.shape[2:]))
        v = _perforate(v, mask, fill)
    if residual is not None:
        _require_shape("residual", residual, tuple(v.shape))
        v = v + residual
    return _activate(v, activation)


_FILLS: dict[str, Callable[[Tensor], Tensor]] = {
    "zero": torch.zeros_like,
    "interpolate": interpolate_from_grid,
}


def _convolve(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    padding: tuple[int, int, int, int],
    *,
    stride: tuple[int, int],
    dilation: tuple[int, int],
    groups: int,
) -> Tensor:
    top, left, bottom, right = padding
    reach = [d * (k - 1) for d, k in zip(dilation, weight.shape[2:], strict=True)]
    # Padding beyond the kernel's reach (1 x 1, stride 2, padding 1 on a map one pixel wide) can make
    # torch 2.13's conv2d on CPU read outside the map and crash.
    if (top, left) == (bottom, right) and top <= reach[0] and left <= reach[1]:
        return F.conv2d(x, weight, bias, stride, (top, left), dilation, groups)
    return F.conv2d(F.pad(x, (left, right, top, bottom)), weight, bias, stride, 0, dilation, groups)


def _perforate(v: Tensor, mask: Tensor, fill: str) -> Tensor:
    if mask.dtype == torch.bool:
        return torch.where(mask, v, _FILLS[fill](v))
    if fill == "zero":
        return v * mask.to(v.dtype)
    # lerp is exact at both ends, so a hard mask of floats gives the numbers of the bool mask.
    return torch.lerp(_FILLS[fill](v), v, mask.to(v.dtype))


def _activate(v: Tensor, activation: str) -> Tensor:
    if activation == "none":
        return v
    if activation == "relu":
        return F.relu(v)
    if activation == "relu6":
        return F.relu6(v)
    raise ValueError(f"activation must be 'none', 'relu' or 'relu6', got {activation!r}")


def _require_shape(name: str, tensor: Tensor, shape: tuple[int, ...]) -> None:
    if tuple(tensor.shape) != shape:
        raise ValueError(f"{name} has shape {tuple(tensor.shape)}, but the output asks for {shape}")


def budget_mask(scores: Tensor, ratio: Tensor, coarse_stride: int = 0) -> Tensor:
    """The operator pag::BudgetMask: the best-scored share of each image's pixels, exactly counted.

    Args:
        scores: float [N, H, W]; NaN counts as -inf.
        ratio: float [N], share of the pixels to compute; a ceiling, so the count is rounded down.
        coarse_stride: 0, or 2: the pixels of the coarse grid come first and are always in.

    Returns:
        bool [N, H, W] with min(n, max(floor(float32(ratio) * float32(n)), n_grid)) true pixels per image,
        by score descending, ties by lower flat index. Not differentiable.

    Raises:
        ValueError: wrong ranks, ratio of another length, coarse_stride other than 0 or 2.
    """
    if scores.ndim != 3 or ratio.shape != scores.shape[:1]:
        shapes = f"scores {tuple(scores.shape)} and ratio {tuple(ratio.shape)}"
        raise ValueError(f"{shapes} must have shapes [N, H, W] and [N]")
    if coarse_stride not in (0, GRID_STRIDE):
        raise ValueError(f"coarse_stride must be 0 or 2, got {coarse_stride}")
    height, width = scores.shape[1:]
    always = grid_mask(height, width, scores.device).flatten()
    if coarse_stride == 0:
        always = torch.zeros_like(always)
    chosen_by_score = _count(ratio, always) - always.sum()
    flat = scores.detach().flatten(1)
    flat = torch.where(flat.isnan(), -torch.inf, flat)
    order = flat.sort(dim=1, descending=True, stable=True).indices
    # The grid's own pixels do not use up the rest of the budget, wherever their scores put them.
    taken = (~always)[order].cumsum(1) <= chosen_by_score[:, None]
    return (torch.zeros_like(taken).scatter(1, order, taken) | always).view(scores.shape)


def _count(ratio: Tensor, always: Tensor) -> Tensor:
    """int64 [N]: pixels to compute per image."""
    n = always.numel()
    product = ratio.detach().to(torch.float32) * torch.tensor(n, dtype=torch.float32, device=ratio.device)
    share = product.floor().nan_to_num(0.0).clamp(0, n).to(torch.int64)
    return torch.maximum(share, always.sum()).clamp(max=n)
