"""Reference implementation of the operator UpsampledLabels in plain numpy, in double precision."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from onnx.reference.op_run import OpRun
from perforated_conv import DOMAIN

MOST_CLASSES = 256


def upsampled_labels(
    L: NDArray[np.float32], size: NDArray[np.int64], extent: NDArray[np.float32] | None = None
) -> NDArray[np.uint8]:
    """The class with the highest interpolated logit at every pixel of a larger (or smaller) map.

    Args:
        L: float32 [N, h, w, K], finite logits of K <= 256 classes.
        size: int64 [2], height H and width W of the labels.
        extent: float32 [2] in (0, h] and (0, w], how many rows and columns of L, from the top left, the
            labels cover; None for all. What lies beyond is padding, of which the border may see one pixel.

    Returns:
        uint8 [N, H, W]; of classes with equal logits the lowest.

    Raises:
        ValueError: a shape is wrong, a size is below 1, an extent is outside L.
    """
    labels: NDArray[np.uint8] = upsampled_logits(L, size, extent).argmax(axis=-1).astype(np.uint8)
    return labels


def upsampled_logits(
    L: NDArray[np.float32], size: NDArray[np.int64], extent: NDArray[np.float32] | None = None
) -> NDArray[np.float64]:
    """The interpolated logits themselves, float64 [N, H, W, K].

    Bilinear with half-pixel centres and held edges, as ONNX's Resize: label y lies at row
    (y + 0.5) * extent[0] / H - 0.5 of L.
    """
    _check(L, size, extent)
    values = L.astype(np.float64)
    for axis in (1, 2):
        pixels = L.shape[axis]
        part = pixels if extent is None else float(extent[axis - 1])
        at = np.clip((np.arange(size[axis - 1]) + 0.5) * part / size[axis - 1] - 0.5, 0, pixels - 1)
        low = np.floor(at).astype(np.int64)
        weight = np.expand_dims(at - low, [i for i in range(4) if i != axis])
        high = np.minimum(low + 1, pixels - 1)
        values = (1 - weight) * values.take(low, axis) + weight * values.take(high, axis)
    return values


def _check(L: NDArray[np.float32], size: NDArray[np.int64], extent: NDArray[np.float32] | None) -> None:
    if L.ndim != 4 or 0 in L.shape[1:] or L.shape[3] > MOST_CLASSES:
        raise ValueError(f"L {L.shape} must be [N, h, w, K] with pixels and 1 to {MOST_CLASSES} classes")
    if size.shape != (2,) or size.min() < 1:
        raise ValueError(f"size {size} must be a height and a width of at least 1")
    if extent is None:
        return
    if extent.shape != (2,) or not (np.all(extent > 0) and np.all(extent <= L.shape[1:3])):
        raise ValueError(f"extent {extent} must be above 0 and within the pixels {L.shape[1:3]} of L")


class UpsampledLabels(OpRun):
    """The operator for onnx.reference.ReferenceEvaluator(new_ops=[...])."""

    op_domain = DOMAIN

    def _run(self, L, size, extent=None):  # type: ignore[no-untyped-def]
        return (upsampled_labels(L, size, extent),)
