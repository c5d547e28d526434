"""Maps as pictures: uint8 [H, W, 3] RGB."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from model_export.data.classes import NYU40, palette

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

MARGIN = 18


def of_classes(labels: NDArray[np.integer]) -> Pixels:
    """Palette colours of class ids [H, W]; black where void."""
    colours = np.zeros((256, 3), np.uint8)
    colours[: len(NYU40)] = palette(len(NYU40))
    return np.asarray(colours[labels])


def of_depth(depth: Floats, near: float, far: float) -> Pixels:
    """A colour map of metres [H, W] between near and far, near bright."""
    scaled = np.clip((depth - near) / max(far - near, 1e-3), 0, 1)
    coloured = cv2.applyColorMap(np.rint(255 * (1 - scaled)).astype(np.uint8), cv2.COLORMAP_INFERNO)
    return np.asarray(cv2.cvtColor(coloured, cv2.COLOR_BGR2RGB), np.uint8)


def of_normals(normals: Floats) -> Pixels:
    """Vectors [H, W, 3] of any length, brought to length 1, as round((n + 1) * 127.5)."""
    length = np.sqrt(np.square(normals).sum(-1, keepdims=True))
    unit = normals / np.maximum(length, np.float32(1e-6))
    return np.asarray(np.rint((unit + 1) * 127.5), np.uint8)


def of_share(share: Floats) -> Pixels:
    """Grey, 0 black to 1 white, of [H, W]."""
    grey = np.rint(255 * np.clip(share, 0, 1)).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def panel(pixels: Pixels, title: str, width: int) -> Pixels:
    """The pixels at the given width under a line of text."""
    height = round(width * pixels.shape[0] / pixels.shape[1])
    canvas = np.full((height + MARGIN, width + 2, 3), 255, np.uint8)
    canvas[MARGIN:, 1:-1] = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    cv2.putText(canvas, title, (3, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.38, (0, 0, 0), 1, cv2.LINE_AA)
    return canvas
