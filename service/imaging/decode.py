"""Bytes to a photograph: uint8 [H,W,3] RGB, upright, with limits kept before any pixel is decoded.

Decoders see only what the first picture needs (see `formats`): no text, profile, thumbnail or later frame
reaches them, and a file's size and orientation are read in one place for the header and the pixels alike.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from service.errors import (
    EmptyBody,
    ImageTooLarge,
    ImageTooSmall,
    ServiceError,
    SideTooLong,
    UndecodableImage,
    UnsupportedImage,
)
from service.imaging.formats import bmp, gif, jpeg, png, tiff, webp
from service.imaging.formats.still import Malformed, Still, Unread
from service.imaging.pixels import jpeg_pixels, pillow_pixels

MIN_SIDE = 16
# What JPEG and GIF can hold; PNG encoders of the answer give up at a million.
MAX_SIDE = 65535
MAGIC = {
    "JPEG": (b"\xff\xd8\xff",),
    "PNG": (b"\x89PNG\r\n\x1a\n",),
    "GIF": (b"GIF87a", b"GIF89a"),
    "TIFF": (b"II*\0", b"MM\0*"),
    "BMP": (b"BM",),
}
FORMATS = (*MAGIC, "WEBP")
READERS: dict[str, Callable[[bytes], Still]] = {
    "JPEG": jpeg.read,
    "PNG": png.read,
    "GIF": gif.read,
    "TIFF": tiff.read,
    "BMP": bmp.read,
    "WEBP": webp.read,
}
# What each EXIF orientation asks for: the stored axes swapped, then the rows and the columns reversed.
TURNS = {
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}
HINT = "Write it again with another program, or send it as PNG or JPEG."

# Pillow raises what matters; what it would tell a person at a terminal is noise in a server's log.
logging.getLogger("PIL").setLevel(logging.CRITICAL)
warnings.filterwarnings("ignore", module=r"PIL\.")


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


def check_size(height: int, width: int, max_pixels: int) -> None:
    """Raise ImageTooLarge, ImageTooSmall or SideTooLong for a size that is not parsed."""
    if height * width > max_pixels:
        raise ImageTooLarge(height, width, max_pixels)
    if min(height, width) < MIN_SIDE:
        raise ImageTooSmall(height, width, MIN_SIDE)
    if max(height, width) > MAX_SIDE:
        raise SideTooLong(height, width, MAX_SIDE)


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

    Raises EmptyBody, UnsupportedImage, UndecodableImage or as `check_size` does.
    """
    return _open(data, max_pixels)[0]


def decode(data: bytes, max_pixels: int, enough_pixels: int | None = None) -> Photograph:
    """Decode `data`, turn it upright by its EXIF orientation and convert it to 8-bit RGB.

    A JPEG of more than `enough_pixels` may be decoded at 1/2, 1/4 or 1/8 of its size, never to fewer than
    those. Of animations the first frame is taken; alpha is laid over white; ICC profiles are not applied.
    Raises as `open_header` does.
    """
    header, still = _open(data, max_pixels)
    with _refusing(header.format):
        pixels = jpeg_pixels(still, enough_pixels) if header.format == "JPEG" else None
        if pixels is None:
            pixels = pillow_pixels(still, header.format)
    return Photograph(_upright(pixels, still.orientation), header.height, header.width, header.format)


def _open(data: bytes, max_pixels: int) -> tuple[Header, Still]:
    if not data:
        raise EmptyBody("The body is empty; send an image as the body or as the multipart field 'file'.")
    name = sniff(data)
    with _refusing(name):
        still = READERS[name](data)
    height, width = still.height, still.width
    if TURNS.get(still.orientation, (False,))[0]:
        height, width = width, height
    check_size(height, width, max_pixels)
    return Header(name, height, width), still


@contextmanager
def _refusing(name: str) -> Iterator[None]:
    """Decoders meet hostile bytes with whatever exception their parser runs into: all become ours.

    The words of those that speak of files are passed on; others speak of code.
    """
    try:
        yield
    except (ServiceError, MemoryError):
        raise
    except Unread as error:
        raise UndecodableImage(f"This kind of {name} is not read: {error}. {HINT}") from error
    except Exception as error:
        reason = str(error) if isinstance(error, (Malformed, OSError, SyntaxError)) else ""
        reason = reason or "its parts do not fit together"
        raise UndecodableImage(f"The {name} image is truncated or corrupt: {reason}. {HINT}") from error


def _upright(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    if orientation not in TURNS:
        return pixels
    swapped, down, across = TURNS[orientation]
    if swapped:
        pixels = np.asarray(cv2.transpose(pixels), np.uint8)
    if down or across:
        pixels = np.asarray(cv2.flip(pixels, -1 if down and across else int(across)), np.uint8)
    return pixels
