"""Normalisation of pixels, the same in training, export and foreign weights."""

from __future__ import annotations

from torch import Tensor

PIXEL_MEAN, PIXEL_SCALE = 127.0, 128.0


def normalise(image: Tensor) -> Tensor:
    """uint8 [N, H, W, 3] RGB -> float32 [N, 3, H, W], (pixel - PIXEL_MEAN) / PIXEL_SCALE, channels last."""
    return ((image.float() - PIXEL_MEAN) / PIXEL_SCALE).permute(0, 3, 1, 2)
