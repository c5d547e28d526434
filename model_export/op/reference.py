"""Reference implementation of the operators in plain numpy; where another form differs, this one is right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx.reference.op_run import OpRun
from perforated_conv import DOMAIN

from model_export.op.reference_labels import UpsampledLabels

Float = NDArray[np.float32]
Bool = NDArray[np.bool_]


def perforated_conv(
    X: Float,
    W: Float,
    B: Float | None = None,
    M: Bool | None = None,
    R: Float | None = None,
    *,
    strides: Sequence[int] = (1, 1),
    dilations: Sequence[int] = (1, 1),
    pads: Sequence[int] = (0, 0, 0, 0),
    group: int = 1,
    activation: str = "none",
    fill: str = "zero",
) -> Float:
    """A convolution computed only where a mask says so.

    Args:
        X: float32 [N, H, W, Ci].
        W: float32 [Co, kh, kw, Ci / group].
        B: float32 [Co], or None for zero.
        M: bool [N, Ho, Wo], true where to compute, or None for everywhere. With fill="interpolate" the coarse
            grid (even y and even x) is computed whatever M says.
        R: float32 [N, Ho, Wo, Co], added before the activation at every pixel, or None for zero.
        strides, dilations: (y, x).
        pads: zeros added at (top, left, bottom, right).
        group: 1, or Ci = Co for a depthwise convolution.
        activation: "none", "relu" or "relu6".
        fill: value before R of a pixel not computed: "zero", or "interpolate", bilinear from the coarse grid.

    Returns:
        float32 [N, Ho, Wo, Co], Ho = floor((H + top + bottom - dilation * (kh - 1) - 1) / stride) + 1.

    Raises:
        ValueError: shapes do not fit each other, or an attribute has an unknown value.
    """
    _check_attributes(activation, fill)
    _check_weights(X, W, B, group)
    images, height, width, channels = _output_shape(X, W, strides, dilations, pads)
    _check_output_shaped("M", M, (images, height, width))
    _check_output_shaped("R", R, (images, height, width, channels))

    top, left, bottom, right = pads
    padded = np.pad(X, ((0, 0), (top, bottom), (left, right), (0, 0)))
    bias = np.zeros(channels, np.float32) if B is None else B
    V = np.zeros((images, height, width, channels), np.float32)
    for n, y, x in np.ndindex(images, height, width):
        on_grid = fill == "interpolate" and y % 2 == 0 and x % 2 == 0
        if M is None or M[n, y, x] or on_grid:
            taps = _pixel(padded[n], W, y * strides[0], x * strides[1], dilations=dilations, group=group)
            V[n, y, x] = taps + bias
    if fill == "interpolate" and M is not None:
        for n, y, x in np.ndindex(images, height, width):
            if not M[n, y, x]:
                V[n, y, x] = _interpolate(V[n], y, x)
    return _activate(V if R is None else V + R, activation)


def bottleneck(
    X: Float,
    W_first: Float | None,
    B_first: Float | None,
    W: Float,
    B: Float | None,
    W_last: Float,
    B_last: Float | None,
    M: Bool | None = None,
    R: Float | None = None,
    *,
    first_strides: Sequence[int] = (1, 1),
    first_pads: Sequence[int] = (0, 0, 0, 0),
    strides: Sequence[int] = (1, 1),
    dilations: Sequence[int] = (1, 1),
    pads: Sequence[int] = (0, 0, 0, 0),
    group: int = 1,
    inner_activation: str = "none",
    activation: str = "none",
    fill: str = "zero",
) -> Float:
    """Three convolutions in a row, of which only the last one's map is kept.

    Args:
        X: float32 [N, H, W, Ci].
        W_first, B_first: [C1, kh, kw, Ci] and [C1] or None; W_first None: no first convolution, and then the
            middle one is depthwise.
        W, B: of the middle one, [C2, kh, kw, C1 / group] and [C2] or None.
        W_last, B_last: [Co, 1, 1, C2] and [Co] or None.
        M: bool [N, Ho, Wo], or None for everywhere.
        R: float32 [N, Ho, Wo, Co] or None, added before the activation.
        first_strides, first_pads: of the first convolution; strides, dilations, pads, group of the middle.
        inner_activation, activation: after the first two, after the last.
        fill: "zero": the first is computed everywhere, the others at M's pixels, the last is 0 elsewhere;
            "interpolate": all are computed at M's pixels and the coarse grid and interpolated elsewhere.

    Returns:
        float32 [N, Ho, Wo, Co].

    Raises:
        ValueError: shapes do not fit each other, or an attribute has an unknown value.
    """
    if W_first is None and group == 1:
        raise ValueError("without W_first the middle convolution must be depthwise")
    if W_last.shape[1:3] != (1, 1):
        raise ValueError(f"W_last {W_last.shape} must have shape [Co, 1, 1, C2]")
    inner = {"activation": inner_activation, "fill": fill}
    if W_first is not None:
        first_mask = M if fill == "interpolate" else None
        X = perforated_conv(X, W_first, B_first, first_mask, strides=first_strides, pads=first_pads, **inner)  # type: ignore[arg-type]
    middle = perforated_conv(
        X, W, B, M, strides=strides, dilations=dilations, pads=pads, group=group, **inner  # type: ignore[arg-type]
    )  # fmt: skip
    return perforated_conv(middle, W_last, B_last, M, R, activation=activation, fill=fill)


def budget_mask(S: Float, ratio: Float, *, coarse_stride: int = 0) -> Bool:
    """The best-scored share of each image's pixels, exactly counted; each image on its own.

    Args:
        S: float32 [N, H, W], gate scores; NaN counts as -inf.
        ratio: float32 [N], share of the n = H * W pixels. It is a ceiling, so the count is rounded down.
        coarse_stride: 0, or 2: the n_grid pixels with even y and even x come first and are always in.

    Returns:
        bool [N, H, W] with k = min(n, max(floor(float32(ratio) * float32(n)), n_grid)) true pixels per image;
        a ratio <= 0 or NaN gives n_grid. By score descending, ties by lower flat index.

    Raises:
        ValueError: S is not of rank 3, ratio does not have one value per image, coarse_stride is unknown.
    """
    if S.ndim != 3 or ratio.shape != S.shape[:1]:
        raise ValueError(f"S {S.shape} and ratio {ratio.shape} must have shapes [N, H, W] and [N]")
    if coarse_stride not in (0, 2):
        raise ValueError(f"coarse_stride must be 0 or 2, got {coarse_stride}")
    images, height, width = S.shape
    M = np.zeros(S.shape, np.bool_)
    for image in range(images):
        ranked = []
        for y, x in np.ndindex(height, width):
            on_grid = coarse_stride == 2 and y % 2 == 0 and x % 2 == 0
            score = -np.inf if np.isnan(S[image, y, x]) else S[image, y, x]
            ranked.append((not on_grid, -score, y * width + x))
        n_grid = sum(not off_grid for off_grid, _, _ in ranked)
        for _, _, index in sorted(ranked)[: _count(ratio[image], height * width, n_grid)]:
            M[image, index // width, index % width] = True
    return M


def gate_mask(
    X: Float,
    W: Float,
    B: Float | None,
    ratio: Float,
    *,
    strides: Sequence[int] = (1, 1),
    coarse_stride: int = 0,
) -> Bool:
    """The best-scored share of each image's pixels, scores being a 1x1 convolution of X to one channel.

    Args:
        X: float32 [N, H, W, Ci].
        W, B: float32 [1, 1, 1, Ci] and [1] or None.
        ratio, coarse_stride: as budget_mask takes them; strides: (y, x) of the convolution.

    Returns:
        bool [N, Ho, Wo].

    Raises:
        ValueError: shapes do not fit each other, or coarse_stride is unknown.
    """
    if W.ndim != 4 or W.shape[:3] != (1, 1, 1):
        raise ValueError(f"W {W.shape} must have shape [1, 1, 1, Ci]")
    scores = perforated_conv(X, W, B, strides=strides)
    return budget_mask(scores[..., 0], ratio, coarse_stride=coarse_stride)


def _count(ratio: np.float32, n: int, n_grid: int) -> int:
    """How many of n pixels the ratio pays for, the grid's at least."""
    product = np.float32(ratio) * np.float32(n)
    if not product > 0:
        return n_grid
    if product >= n:
        return n
    return max(int(np.floor(product)), n_grid)


def _pixel(image: Float, W: Float, y: int, x: int, *, dilations: Sequence[int], group: int) -> Float:
    """The convolution [Co] whose first tap is at (y, x) of the padded image [H, W, Ci]."""
    channels, kernel_height, kernel_width, _ = W.shape
    total = np.zeros(channels, np.float64)
    for i, j in np.ndindex(kernel_height, kernel_width):
        tap = image[y + i * dilations[0], x + j * dilations[1]].astype(np.float64)
        # Depthwise: output channel c sees input channel c alone.
        total += W[:, i, j, 0] * tap if group > 1 else W[:, i, j] @ tap
    return total.astype(np.float32)


def _interpolate(V: Float, y: int, x: int) -> Float:
    """The value [C] at (y, x) from the coarse grid of V [H, W, C]."""
    rows, columns = _neighbours(y, V.shape[0]), _neighbours(x, V.shape[1])
    mean: Float = np.mean([V[i, j] for i in rows for j in columns], axis=0, dtype=np.float32)
    return mean


def _neighbours(i: int, length: int) -> list[int]:
    """The grid indices that index i of an axis is the mean of."""
    if i % 2 == 0:
        return [i]
    return [i - 1, i + 1] if i + 1 < length else [i - 1]


def _activate(V: Float, activation: str) -> Float:
    if activation == "none":
        return V
    if activation == "relu":
        return np.maximum(V, np.float32(0))
    return np.clip(V, np.float32(0), np.float32(6))


def _output_shape(
    X: Float, W: Float, strides: Sequence[int], dilations: Sequence[int], pads: Sequence[int]
) -> tuple[int, int, int, int]:
    size = []
    for axis in (0, 1):
        reach = dilations[axis] * (W.shape[1 + axis] - 1) + 1
        free = X.shape[1 + axis] + pads[axis] + pads[axis + 2] - reach
        if free < 0:
            raise ValueError(
                f"W {W.shape} with dilations {dilations} does not fit into X {X.shape}, pads {pads}"
            )
        size.append(free // strides[axis] + 1)
    return X.shape[0], size[0], size[1], W.shape[0]


def _check_attributes(activation: str, fill: str) -> None:
    if activation not in ("none", "relu", "relu6"):
        raise ValueError(f"activation must be 'none', 'relu' or 'relu6', got {activation!r}")
    if fill not in ("zero", "interpolate"):
        raise ValueError(f"fill must be 'zero' or 'interpolate', got {fill!r}")


def _check_weights(X: Float, W: Float, B: Float | None, group: int) -> None:
    if X.ndim != 4 or W.ndim != 4:
        raise ValueError(
            f"X {X.shape} and W {W.shape} must have shapes [N, H, W, Ci] and [Co, kh, kw, Ci / group]"
        )
    if group != 1 and not group == X.shape[3] == W.shape[0]:
        raise ValueError(f"group {group} must be 1, or the channels of both X {X.shape} and W {W.shape}")
    if W.shape[3] * group != X.shape[3]:
        raise ValueError(f"W {W.shape} must have the channels of X {X.shape} divided by group {group}")
    if B is not None and B.shape != W.shape[:1]:
        raise ValueError(f"B {B.shape} must have one value per output channel of W {W.shape}")


def _check_output_shaped(name: str, tensor: NDArray[Any] | None, shape: tuple[int, ...]) -> None:
    if tensor is not None and tensor.shape != shape:
        raise ValueError(f"{name} has shape {tensor.shape}, but the output asks for {shape}")


class PerforatedConv(OpRun):
    """The operator for onnx.reference.ReferenceEvaluator(new_ops=[...])."""

    op_domain = DOMAIN

    def _run(self, X, W, B=None, M=None, R=None, **attributes):  # type: ignore[no-untyped-def]
        return (perforated_conv(X, W, B, M, R, **attributes),)


class Bottleneck(OpRun):
    """The operator for onnx.reference.ReferenceEvaluator(new_ops=[...])."""

    op_domain = DOMAIN

    def _run(self, X, W_first, B_first, W, B, W_last, B_last=None, M=None, R=None, **attributes):  # type: ignore[no-untyped-def]
        return (bottleneck(X, W_first, B_first, W, B, W_last, B_last, M, R, **attributes),)


class BudgetMask(OpRun):
    """The operator for onnx.reference.ReferenceEvaluator(new_ops=[...])."""

    op_domain = DOMAIN

    def _run(self, S, ratio, **attributes):  # type: ignore[no-untyped-def]
        return (budget_mask(S, ratio, **attributes),)


class GateMask(OpRun):
    """The operator for onnx.reference.ReferenceEvaluator(new_ops=[...])."""

    op_domain = DOMAIN

    def _run(self, X, W, B, ratio, **attributes):  # type: ignore[no-untyped-def]
        return (gate_mask(X, W, B, ratio, **attributes),)


OPERATORS = [PerforatedConv, Bottleneck, BudgetMask, GateMask, UpsampledLabels]
