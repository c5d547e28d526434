"""Dense maps to bytes: a PNG of each kind at the cheapest level that pays, and the overlay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

METRES_PER_UNIT = 0.001
PNG_LEVEL = 1


def labels_png(labels: NDArray[np.uint8]) -> bytes:
    """Grey PNG whose values are the label ids of uint8 [H,W]."""
    return _png(labels, cv2.IMWRITE_PNG_STRATEGY_RLE)


def depth_millimetres(depth: NDArray[np.float32]) -> NDArray[np.uint16]:
    """REP 118 uint16 [H,W] millimetres of float32 metres; 0 where not in (0, 65.535]."""
    with np.errstate(invalid="ignore"):
        millimetres = np.rint(depth * np.float32(1 / METRES_PER_UNIT))
        valid = (millimetres > 0) & (millimetres <= 65535)
    return np.where(valid, millimetres, 0).astype(np.uint16)


def depth_png(depth: NDArray[np.float32]) -> bytes:
    """16-bit grey PNG of `depth_millimetres`."""
    return _png(depth_millimetres(depth), cv2.IMWRITE_PNG_STRATEGY_DEFAULT)


def depth_metres(depth: NDArray[np.float32]) -> NDArray[np.float32]:
    """REP 118: float32 [H,W] metres with NaN where not finite or not positive."""
    valid = np.isfinite(depth) & (depth > 0)
    return np.where(valid, depth, np.float32(np.nan))


def normals_png(normals: NDArray[np.float32]) -> bytes:
    """RGB PNG holding round((n + 1) * 127.5) of the unit vectors' x, y, z, float32 [H,W,3]."""
    values = np.rint((normals + np.float32(1)) * np.float32(127.5))
    pixels = np.clip(values, 0, 255).astype(np.uint8)
    return _png(_to_bgr(pixels), cv2.IMWRITE_PNG_STRATEGY_DEFAULT)


def share_png(share: NDArray[np.float32]) -> bytes:
    """Grey PNG holding round(255 * v) of shares float32 [H,W] in 0..1."""
    return _png(np.rint(share * np.float32(255)).astype(np.uint8), cv2.IMWRITE_PNG_STRATEGY_RLE)


def overlay_png(
    photograph: NDArray[np.uint8], labels: NDArray[np.uint8], colours: Sequence[tuple[int, int, int]]
) -> bytes:
    """RGB PNG of the photograph uint8 [H,W,3] and the classes' colours, half and half."""
    palette = np.zeros((256, 3), np.uint8)
    palette[: len(colours)] = colours
    blended = cv2.addWeighted(photograph, 0.5, palette[labels], 0.5, 0.0)
    return _png(_to_bgr(np.asarray(blended, np.uint8)), cv2.IMWRITE_PNG_STRATEGY_DEFAULT)


def _to_bgr(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), np.uint8)


def _png(pixels: NDArray[Any], strategy: int) -> bytes:
    options = [cv2.IMWRITE_PNG_COMPRESSION, PNG_LEVEL, cv2.IMWRITE_PNG_STRATEGY, strategy]
    done, encoded = cv2.imencode(".png", pixels, options)
    if not done:
        raise RuntimeError(f"OpenCV could not encode {pixels.shape} {pixels.dtype} as PNG")
    return encoded.tobytes()
