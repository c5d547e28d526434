"""Whatever a caller has as a picture, as the bytes of an image file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray

Image = str | Path | bytes | bytearray | memoryview | BinaryIO | NDArray[np.uint8]
"""Path, bytes of an image file, binary file object, or pixels uint8 [H,W,3] in the order red, green, blue."""

HeldFrame = bytes | NDArray[np.uint8]

# Uncompressed pixels cost no time to encode; large ones would exceed what servers accept.
MOST_BMP_BYTES = 8 * 2**20
JPEG_QUALITY = 92


def image_bytes(image: Image) -> bytes:
    """The file's bytes, unchanged; pixels become one without loss (BMP, or PNG where that is large)."""
    if isinstance(image, np.ndarray):
        return _lossless(image)
    return _file_bytes(image)


def held(frame: Image) -> HeldFrame:
    """What a frame is now: while it waits, others may come to stand in its array, or its file be closed."""
    return frame.copy() if isinstance(frame, np.ndarray) else _file_bytes(frame)


def frame_bytes(frame: Image) -> bytes:
    """The same for a stream, where pixels are sent as JPEG: many, soon outdated, often over a radio."""
    if isinstance(frame, np.ndarray):
        return _encode(frame, ".jpg", [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return _file_bytes(frame)


def _file_bytes(image: Any) -> bytes:
    if isinstance(image, bytes):
        return image
    if isinstance(image, bytearray | memoryview):
        return bytes(image)
    if isinstance(image, str | Path):
        return Path(image).read_bytes()
    if hasattr(image, "read"):
        data = image.read()
        if isinstance(data, bytes):
            return data
        raise TypeError("the image file was opened as text: open it with mode 'rb'")
    raise TypeError(
        f"an image is a path, bytes, a binary file or a uint8 array [H,W,3], not {type(image).__name__}"
    )


def _lossless(pixels: NDArray[np.uint8]) -> bytes:
    if pixels.nbytes <= MOST_BMP_BYTES:
        return _encode(pixels, ".bmp", [])
    return _encode(pixels, ".png", [cv2.IMWRITE_PNG_COMPRESSION, 1])


def _encode(pixels: NDArray[np.uint8], extension: str, options: list[int]) -> bytes:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.size == 0:
        raise ValueError(
            f"pixels must be uint8 [H,W,3] RGB, not {pixels.dtype} {list(pixels.shape)}: "
            "convert grey with numpy.stack([grey] * 3, -1), floats in 0..1 with (255 * x).astype('uint8')"
        )
    done, data = cv2.imencode(extension, cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), options)
    if not done:
        raise ValueError(f"pixels {list(pixels.shape)} could not be encoded as {extension[1:]}")
    return data.tobytes()
