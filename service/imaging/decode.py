"""Bytes to a photograph: uint8 [H,W,3] RGB, upright, with limits kept before any pixel is decoded."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from service.errors import (
    EmptyBody,
    ImageTooLarge,
    ImageTooSmall,
    ServiceError,
    UndecodableImage,
    UnsupportedImage,
)

MIN_SIDE = 16
ORIENTATION_TAG = 0x0112
MAGIC = {
    "JPEG": (b"\xff\xd8\xff",),
    "PNG": (b"\x89PNG\r\n\x1a\n",),
    "GIF": (b"GIF87a", b"GIF89a"),
    "TIFF": (b"II*\0", b"MM\0*"),
    "BMP": (b"BM",),
}
FORMATS = (*MAGIC, "WEBP")

# Our own limit, kept in `open_image`, stands in for Pillow's, which only warns up to 179 megapixels.
Image.MAX_IMAGE_PIXELS = None


@dataclass(frozen=True)
class Header:
    """What the first bytes of an image say: its format and its upright size in pixels."""

    format: str
    height: int
    width: int


@dataclass(frozen=True)
class Photograph:
    """Pixels uint8 [H,W,3] RGB; `height` and `width` are those of the upright photograph as sent.

    The pixels may be fewer than that where a smaller decoding was asked for.
    """

    pixels: NDArray[np.uint8]
    height: int
    width: int
    format: str


def sniff(data: bytes) -> str:
    """Name of the image format that `data` begins like; UnsupportedImage if none."""
    for name, prefixes in MAGIC.items():
        if data.startswith(prefixes):
            return name
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    raise UnsupportedImage(FORMATS)


def open_header(data: bytes, max_pixels: int) -> Header:
    """Format and upright size of the image `data`, without decoding a pixel.

    Raises EmptyBody, UnsupportedImage, ImageTooLarge, ImageTooSmall or UndecodableImage.
    """
    with _opened(data, max_pixels) as (image, name):
        height, width = _upright_size(image)
        return Header(name, height, width)


def decode(data: bytes, max_pixels: int, enough_pixels: int | None = None) -> Photograph:
    """Decode `data`, turn it upright by its EXIF orientation and convert it to 8-bit RGB.

    A JPEG of more than `enough_pixels` may be decoded at 1/2, 1/4 or 1/8 of its size, never to fewer than
    those. Of animations the first frame is taken; alpha is laid over white; ICC profiles are not applied.
    Raises as `open_header` does.
    """
    with _opened(data, max_pixels) as (image, name):
        return _load(image, name, enough_pixels)


@contextmanager
def _opened(data: bytes, max_pixels: int) -> Iterator[tuple[Image.Image, str]]:
    """The image, opened and within the limits, and its format; decoders' errors within become ours."""
    if not data:
        raise EmptyBody("The body is empty; send an image as the body or as the multipart field 'file'.")
    name = sniff(data)
    try:
        with Image.open(io.BytesIO(data), formats=[name]) as image:
            _check_size(image, max_pixels)
            yield image, name
    except (ServiceError, MemoryError):
        raise
    # Decoders meet hostile bytes with whatever exception their parser runs into.
    except Exception as error:
        raise UndecodableImage(f"The {name} image is truncated or corrupt: {error}.") from error


def _upright_size(image: Image.Image) -> tuple[int, int]:
    width, height = image.size
    # Pillow decodes a PNG to look for EXIF behind its pixels; a TIFF's size is already the upright one.
    if image.format == "PNG":
        exif = Image.Exif()
        exif.load(image.info.get("exif", b""))
    else:
        exif = image.getexif()
    turned = image.format != "TIFF" and exif.get(ORIENTATION_TAG) in (5, 6, 7, 8)
    return (width, height) if turned else (height, width)


def _check_size(image: Image.Image, max_pixels: int) -> None:
    width, height = image.size
    if width * height > max_pixels:
        raise ImageTooLarge(height, width, max_pixels)
    if min(width, height) < MIN_SIDE:
        raise ImageTooSmall(height, width, MIN_SIDE)


def _load(image: Image.Image, name: str, enough_pixels: int | None) -> Photograph:
    width, height = image.size
    if enough_pixels is not None and name == "JPEG":
        factor = max(1.0, (width * height / enough_pixels) ** 0.5)
        image.draft(None, (int(width / factor) + 1, int(height / factor) + 1))
    image.load()
    if image.getexif().get(ORIENTATION_TAG, 1) in (5, 6, 7, 8):
        height, width = width, height
    pixels = _to_rgb(ImageOps.exif_transpose(image))
    return Photograph(pixels, height, width, name)


def _to_rgb(image: Image.Image) -> NDArray[np.uint8]:
    if image.mode.startswith("I"):
        # Pillow clips deep grey values to 255; their high byte is what an 8-bit screen shows.
        grey = (np.clip(np.asarray(image), 0, 65535) // 256).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if image.mode == "F":
        raise UndecodableImage("Images of floating-point values have no defined white; send 8 or 16 bits.")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return np.array(image.convert("RGB"))
