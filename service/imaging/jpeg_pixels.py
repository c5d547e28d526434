"""Pixels of JPEG files, of complete ones only: libjpeg would silently fill with grey what a file has lost.

libjpeg asks for more input where a file ends in the middle of a scan, but not where a marker follows: then it
invents the rest. So each stretch of compressed data reaches it without the marker behind, and with just as
many further bits as it reads ahead. They are ones, which no code may consist of, and cannot pass for data.
A decoder that still asks for more has met an incomplete stretch.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from service.imaging.formats import jpeg
from service.imaging.formats.jpeg_scans import ceil_div, intervals, scan_end
from service.imaging.formats.still import Malformed, Still, Unread
from service.imaging.formats.tiff import HEIGHT, PLANAR, PLANES, SAMPLES, TILE_HEIGHT, TILE_WIDTH, WIDTH

# The factors by which libjpeg decodes smaller, as OpenCV's flags; the order of channels is a flag of its own.
REDUCED = {
    1: 0,
    2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
    4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
    8: cv2.IMREAD_REDUCED_GRAYSCALE_8,
}
# What libjpeg fills the rest of a picture with, down to its last pixel; others need no second look.
FILL = 128
# libjpeg reads 64 bits ahead; a byte of ones is stuffed with a zero.
ONES = b"\xff\0" * 8
# A decoder between stretches skips single bytes of ones; one within a stretch soon holds on to one.
PROBES = 4
EOI = b"\xff\xd9"
TABLES_TAG, ROWS_A_STRIP = 347, 278
# Tags of the places, lengths, heights and widths of strips (all columns), and of tiles.
STRIPS_AND_TILES = ((273, 279, ROWS_A_STRIP, WIDTH), (324, 325, TILE_HEIGHT, TILE_WIDTH))
# A photograph of 32 megapixels has 1,000 tiles of 180 x 180; each takes a decoder of its own.
MAX_JPEGS = 4096
MAX_TABLES_BYTES = 2**14
# Rows of the largest coding unit (MCU).
MOST_MCU = 32


class Decoder(Protocol):
    """What is used of Pillow's decoder."""

    def decode(self, data: bytes) -> tuple[int, int]:
        """Number of bytes consumed, negative at the end, and an error's code, negative if there is one."""


def jpeg_pixels(still: Still, enough_pixels: int | None) -> NDArray[np.uint8] | Image.Image:
    """Stored pixels, maybe reduced: uint8 [h,w,3] RGB, or Pillow's image where OpenCV would not do.

    OpenCV and Pillow share libjpeg-turbo and give the same pixels, OpenCV without a detour over four bytes
    a pixel. Pillow takes a file in pieces, as several scans, restarts and the inks of printing need.
    """
    data = still.file()
    first = jpeg.checked_scan(data, still.height, still.width)
    factor = _reduction(still, enough_pixels)
    if not first.is_plain:
        return _in_pieces(data, factor)
    pixels = _by_opencv(data, factor)
    if pixels is None or (pixels[-1, -1] == FILL).all():
        pixels = _by_opencv(data[: scan_end(data, first.place)] + ONES, factor)
    if pixels is None:
        raise Malformed(f"{jpeg.END} or make no sense")
    if pixels.shape != (-(-still.height // factor), -(-still.width // factor), 3):
        raise Malformed("its pixels are not of the size that its header says")
    return pixels


def _by_opencv(data: bytes, factor: int) -> NDArray[np.uint8] | None:
    flags = REDUCED[factor] | cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    return None if pixels is None else np.asarray(pixels, np.uint8)


def check_jpegs(tags: Mapping[int, Any], data: bytes) -> None:
    """Refuse a TIFF one of whose strips or tiles is an incomplete JPEG: libtiff only warns, as libjpeg does.

    The pixels of this pass are thrown away: libtiff knows how the strips' colours are meant. A JPEG larger
    than its strip or tile is refused by its header, before it takes the time and memory that it claims.
    """
    tables = bytes(tags.get(TABLES_TAG, EOI))[:-2]
    if len(tables) > MAX_TABLES_BYTES:
        raise Malformed("the tables of its JPEGs are longer than any")
    height, width = int(tags[HEIGHT]), int(tags[WIDTH])
    planes = int(tags.get(SAMPLES, 1)) if tags.get(PLANES) == PLANAR else 1
    for places, lengths, down, across in STRIPS_AND_TILES:
        # A last strip may be as high as the others.
        rows = int(tags.get(down, height))
        rows = min(rows, ceil_div(height, MOST_MCU) * MOST_MCU) if down == ROWS_A_STRIP else rows
        columns = int(tags.get(across, width))
        count = ceil_div(height, max(rows, 1)) * ceil_div(width, max(columns, 1)) * planes
        spans = list(zip(tags.get(places, ()), tags.get(lengths, ()), strict=True))[:count]
        if len(spans) > MAX_JPEGS:
            raise Unread(f"it has more than {MAX_JPEGS} JPEG strips or tiles; save it with larger ones")
        if sum(length for _, length in spans) > len(data):
            raise Malformed("its strips or tiles overlap")
        for place, length in spans:
            stream = data[place : place + length]
            stream = tables + stream[2:] if tables else stream
            found = jpeg.read(stream)
            if found.height > rows or found.width > columns:
                raise Malformed("a JPEG in it is larger than its strip or tile")
            jpeg.checked_scan(stream, found.height, found.width)
            _in_pieces(stream, 1)


def _reduction(still: Still, enough_pixels: int | None) -> int:
    factors = [factor for factor in REDUCED if still.height * still.width >= factor**2 * (enough_pixels or 0)]
    return max(factors, default=1) if enough_pixels else 1


def _in_pieces(data: bytes, factor: int) -> Image.Image:
    image = JpegImageFile(io.BytesIO(data))
    if factor > 1:
        image.draft(None, (-(-image.width // factor), -(-image.height // factor)))
    image.load_prepare()
    name, extents, _, options = image.tile[0]
    decoder = Image._getdecoder(image.mode, name, options, image.decoderconfig)
    try:
        decoder.setimage(image.im, extents)
        if not any(_is_finished(decoder, data[start:stop]) for start, stop in intervals(data)):
            consumed, code = decoder.decode(EOI)
            if consumed >= 0 or code < 0:
                raise Malformed(jpeg.END)
    finally:
        decoder.cleanup()
    image.tile = []
    return image


def _is_finished(decoder: Decoder, piece: bytes) -> bool:
    """Decode one stretch; True if the picture ends with it, Malformed if it is incomplete."""
    for given in (piece + ONES, *[ONES[:2]] * PROBES):
        consumed, code = decoder.decode(given)
        if consumed < 0 and code >= 0:
            return True
        if consumed != len(given):
            raise Malformed(jpeg.END)
    return False
