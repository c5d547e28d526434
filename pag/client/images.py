"""Images in any form a caller may have, encoded as the bytes of an image file."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageOps

Image = str | Path | bytes | bytearray | memoryview | BinaryIO | NDArray[np.uint8] | PillowImage.Image
"""Path, bytes of an image file, binary file, image of Pillow, or pixels uint8 [H,W,3] red, green, blue."""

Snapshot = bytes | NDArray[np.uint8]
"""A frame that nobody else changes: bytes of an image file, or pixels uint8 [H,W,3]."""

# Uncompressed pixels cost no time to encode; large ones would exceed what servers accept.
MAX_BMP_BYTES = 8 * 2**20
JPEG_QUALITY = 92


def image_bytes(image: Image) -> bytes:
    """The file's bytes, unchanged; pixels become one without loss (BMP, or PNG where that is large).

    ValueError for pixels of another dtype or shape, TypeError for what is no image, OSError of the file.
    """
    if isinstance(image, PillowImage.Image):
        image = _pixels(image)
    if isinstance(image, np.ndarray):
        if image.nbytes <= MAX_BMP_BYTES:
            return _encode(image, "BMP")
        return _encode(image, "PNG", compress_level=1)
    return _file_bytes(image)


def snapshot(frame: Image) -> Snapshot:
    """The frame as it is now: while it waits, its array may be filled with others, or its file be closed."""
    if isinstance(frame, PillowImage.Image):
        return _pixels(frame)
    return frame.copy() if isinstance(frame, np.ndarray) else _file_bytes(frame)


def frame_bytes(frame: Snapshot) -> bytes:
    """The file's bytes for a stream; pixels become JPEG: they are many, soon outdated, often over a radio."""
    if isinstance(frame, np.ndarray):
        return _encode(frame, "JPEG", quality=JPEG_QUALITY)
    return frame


def _pixels(image: PillowImage.Image) -> NDArray[np.uint8]:
    """uint8 [H,W,3] RGB, turned as its EXIF orientation says."""
    return np.array(ImageOps.exif_transpose(image).convert("RGB"))


def _file_bytes(image: Any) -> bytes:
    if isinstance(image, bytes):
        return image
    if isinstance(image, bytearray | memoryview):
        return bytes(image)
    if isinstance(image, str) and image.startswith(("http://", "https://")):
        raise ValueError(f"{image:.100} is no file here: fetch it first, as by httpx.get(url).content")
    if isinstance(image, str | Path):
        return Path(image).read_bytes()
    if hasattr(image, "read"):
        data = image.read()
        if isinstance(data, bytes):
            return data
        raise TypeError("the image file was opened as text: open it with mode 'rb'")
    raise TypeError(
        "an image is a path, bytes, a binary file, an image of Pillow or a uint8 array [H,W,3], not "
        f"{type(image).__name__}"
    )


def _encode(pixels: NDArray[np.uint8], form: str, **options: int) -> bytes:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.size == 0:
        raise ValueError(
            f"pixels must be uint8 [H,W,3] RGB, not {pixels.dtype} {list(pixels.shape)}: "
            "convert grey with numpy.stack([grey] * 3, -1), floats in 0..1 with (255 * x).astype('uint8')"
        )
    buffer = io.BytesIO()
    try:
        PillowImage.fromarray(pixels).save(buffer, form, **options)
    except OSError as error:
        raise ValueError(f"pixels {list(pixels.shape)} could not be encoded as {form}: {error}") from error
    return buffer.getvalue()
