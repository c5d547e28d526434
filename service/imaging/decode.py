"""Bytes to a photograph: uint8 [H,W,3] RGB, upright, with limits kept before any pixel is decoded.

Decoders see only what the first picture needs (see `formats`): no text, profile, thumbnail or later frame
reaches them, and a file's size and orientation are read in one place for the header and the pixels alike.
"""

from __future__ import annotations

import io
import logging
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import repeat

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

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
from service.imaging.formats.still import Foreign, Malformed, Still, Unread
from service.imaging.jpeg_pixels import check_jpegs, jpeg_pixels

MIN_SIDE = 16
# What JPEG and GIF can hold; PNG encoders of the answer give up at a million.
MAX_SIDE = 65535


@dataclass(frozen=True)
class Format:
    """An image format: how its files begin, what reads their structure, and Pillow's decoder of them."""

    magic: re.Pattern[bytes]
    read: Callable[[bytes], Still]
    decoder: type[ImageFile]


# Decoders are named outright: Pillow's own choice by content would try, and import, dozens of others.
FORMATS = {
    "JPEG": Format(re.compile(rb"\xff\xd8\xff"), jpeg.read, JpegImageFile),
    "PNG": Format(re.compile(rb"\x89PNG\r\n\x1a\n"), png.read, PngImageFile),
    "GIF": Format(re.compile(rb"GIF8[79]a"), gif.read, GifImageFile),
    "TIFF": Format(re.compile(rb"II\*\0|MM\0\*"), tiff.read, TiffImageFile),
    "BMP": Format(re.compile(rb"BM"), bmp.read, BmpImageFile),
    "WEBP": Format(re.compile(rb"RIFF.{4}WEBP", re.DOTALL), webp.read, WebPImageFile),
}
# For each EXIF orientation: whether the stored axes are swapped, then the rows and the columns reversed.
TURNS = {
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}
# What Pillow says of whole files whose arrangement of bits or channels it does not know.
UNREAD_BY_PILLOW = ("unknown pixel mode", "Unsupported BMP")
HINT = "Write it again with another program, or send it as PNG or JPEG."

# Pillow raises what matters; its warnings for people at a terminal are noise in a server's log.
logging.getLogger("PIL").setLevel(logging.CRITICAL)
warnings.filterwarnings("ignore", module=r"PIL\.")
# Our own limit, kept before any decoder, stands in for Pillow's, which only warns up to 179 megapixels.
Image.MAX_IMAGE_PIXELS = None

BAND_PIXELS = 1 << 18
COMPRESSION_TAG, JPEG_IN_TIFF = 259, 7
BITS_TAG, PHOTOMETRIC_TAG, WHITE_IS_ZERO = 258, 262, 0


@dataclass(frozen=True)
class Header:
    """What the first bytes of an image say: its format and its upright size in pixels."""

    format: str
    height: int
    width: int


@dataclass(frozen=True)
class Photograph:
    """Pixels uint8 [H,W,3] RGB; `height` and `width` are those of the upright photograph as sent.

    The pixels may be fewer than that where a smaller decoding was requested.
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
    for name, each in FORMATS.items():
        if each.magic.match(data):
            return name
    raise UnsupportedImage(tuple(FORMATS))


def is_jpeg(data: bytes) -> bool:
    """Whether `data` begins as a JPEG does."""
    return FORMATS["JPEG"].magic.match(data) is not None


def open_header(data: bytes, max_pixels: int) -> Header:
    """Format and upright size of the image `data`, without decoding a pixel.

    Raises EmptyBody, UnsupportedImage, UndecodableImage or as `check_size` does.
    """
    return _open(data, max_pixels)[0]


def decode(data: bytes, max_pixels: int, enough_pixels: int | None = None) -> Photograph:
    """Decode `data`, turn it upright by its EXIF orientation and convert it to 8-bit RGB.

    A JPEG of more than `enough_pixels` may be decoded at 1/2, 1/4 or 1/8 of its size, never to fewer than
    those. Of animations the first frame is taken; alpha is laid over white; ICC profiles are not applied, nor
    is an orientation that only XMP has. A file that has lost a part of its pixels is refused.
    Raises as `open_header` does.
    """
    header, still = _open(data, max_pixels)
    with _refusing(header.format):
        if header.format == "JPEG":
            found = jpeg_pixels(still, enough_pixels)
            pixels = _to_rgb(found) if isinstance(found, Image.Image) else found
        else:
            pixels = _pillow_pixels(still, header.format)
    return Photograph(_upright(pixels, still.orientation), header.height, header.width, header.format)


def _open(data: bytes, max_pixels: int) -> tuple[Header, Still]:
    if not data:
        raise EmptyBody("The body is empty; send an image as the body or as the multipart field 'file'.")
    name = sniff(data)
    with _refusing(name):
        still = FORMATS[name].read(data)
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
    except Foreign as error:
        raise UnsupportedImage(tuple(FORMATS), str(error)) from error
    except Unread as error:
        raise UndecodableImage(f"This kind of {name} is not read: {error}. {HINT}") from error
    except Exception as error:
        if str(error).startswith(UNREAD_BY_PILLOW):
            raise UndecodableImage(f"This kind of {name} is not read: {error}. {HINT}") from error
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


def _pillow_pixels(still: Still, name: str) -> NDArray[np.uint8]:
    """Stored pixels uint8 [h,w,3] of an image of the format `name`."""
    data = still.file()
    if name == "PNG":
        png.check_length(data, still.height, still.width)
        if png.is_deep_colour(data):
            png.check_inflated(data, still.height, still.width)
            return _deep_colour(data)
    with FORMATS[name].decoder(io.BytesIO(data)) as image:
        if image.size != (still.width, still.height):
            raise Malformed("its pixels are not of the size that its header says")
        if name == "PNG":
            png.scale_transparency(image.info, data)
        if isinstance(image, TiffImageFile) and image.tag_v2.get(COMPRESSION_TAG) == JPEG_IN_TIFF:
            check_jpegs(image.tag_v2, data)
        image.load()
        pixels = _to_rgb(image)
        if name == "PNG" and not all(map(_has_value, (image.height - 2, image.height - 1), repeat(image))):
            png.check_inflated(data, still.height, still.width)
    if still.frame is not None:
        _whiten_around(pixels, still.frame)
    return pixels


def _has_value(row: int, image: Image.Image) -> bool:
    """Whether a row differs from zeros, as which Pillow leaves what a file does not fill."""
    return image.crop((0, row, image.width, row + 1)).tobytes().strip(b"\0") != b""


def _deep_colour(data: bytes) -> NDArray[np.uint8]:
    """Pixels of a PNG of 16 bits a channel whose one see-through colour is white."""
    flags = cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION
    found = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if found is None or found.dtype != np.uint16 or found.shape[2:] != (4,):
        raise Malformed("its pixels end early or make no sense")
    values = np.asarray(found, np.uint16)
    pixels = (values[..., 2::-1] >> 8).astype(np.uint8)
    pixels[values[..., 3] == 0] = 255
    return np.asarray(pixels, np.uint8)


def _whiten_around(pixels: NDArray[np.uint8], frame: tuple[int, int, int, int]) -> None:
    """Make white what the frame (top, left, bottom, right) leaves of its canvas: nothing was drawn there."""
    top, left, bottom, right = frame
    pixels[:top] = pixels[bottom:] = pixels[:, :left] = pixels[:, right:] = 255


def _to_rgb(image: Image.Image) -> NDArray[np.uint8]:
    if image.mode in ("F", "I"):
        raise Unread("values of 32 bits, signed or floating-point ones have no defined white")
    width, height = image.size
    pixels = np.empty((height, width, 3), np.uint8)
    convert = _deep_grey if image.mode.startswith("I;16") else _shallow
    transparent, rows = image.has_transparency_data, max(1, BAND_PIXELS // width)
    # Whole-image conversions would hold several copies of a large photograph at once.
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        pixels[top:bottom] = convert(image, image.crop((0, top, width, bottom)), transparent)
    return pixels


def _shallow(image: Image.Image, band: Image.Image, transparent: bool) -> NDArray[np.uint8]:
    if transparent:
        if band.mode == "La":
            band = band.convert("LA")
        band = band.convert("RGBA")
        band = Image.alpha_composite(Image.new("RGBA", band.size, "white"), band)
    return np.asarray(band if band.mode == "RGB" else band.convert("RGB"))


def _deep_grey(image: Image.Image, band: Image.Image, transparent: bool) -> NDArray[np.uint8]:
    """High byte of deep grey, which is what an 8-bit screen shows; Pillow would clip the values to 255."""
    values = np.asarray(band).astype(np.uint16)
    bits, inverted = 16, False
    if isinstance(image, TiffImageFile):
        bits = image.tag_v2.get(BITS_TAG, (16,))[0]
        inverted = image.tag_v2.get(PHOTOMETRIC_TAG) == WHITE_IS_ZERO
    grey = (values >> (bits - 8)).astype(np.uint8)
    if inverted:
        grey = 255 - grey
    if transparent:
        grey[values == image.info["transparency"]] = 255
    return np.repeat(grey[..., None], 3, axis=2)
