"""PNG: the critical chunks and the transparency; text, profiles and animations are left out."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

from service.imaging.formats.still import Malformed, Still, exif_orientation, slices, unpack

KEPT = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
GREY, RGB = 0, 2
# First row and column, and steps down and across, of each pass of an interlaced file.
ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
INFLATED_STEP = 1 << 20
SIGNATURE_BYTES = 8
CHUNK_FRAME = 12  # length, name and checksum
# Encoders write 8 KiB of pixels per chunk or more; a file may not make work of empty chunks.
MAX_CHUNKS = 16384
SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# No deflated byte stands for more; Pillow would leave black what a stream that ends early does not fill.
MOST_INFLATED = 1032


def read(data: bytes) -> Still:
    """First picture of the PNG file `data`."""
    length, width, height = unpack(">I4xII", data, SIGNATURE_BYTES)
    if data[12:16] != b"IHDR" or length != 13:
        raise Malformed("its first chunk is not IHDR")
    orientation, spans, place = 1, [(0, SIGNATURE_BYTES)], SIGNATURE_BYTES
    for _ in range(MAX_CHUNKS):
        if place + 8 > len(data):
            return Still(height, width, orientation, slices(data, spans))
        (length,) = unpack(">I", data, place)
        name, stop = data[place + 4 : place + 8], min(place + CHUNK_FRAME + length, len(data))
        if name in KEPT:
            spans.append((place, stop))
        elif name == b"eXIf":
            orientation = exif_orientation(memoryview(data)[place + 8 : stop - 4])
        place = len(data) if name == b"IEND" else stop
    raise Malformed(f"it has more than {MAX_CHUNKS} chunks")


def check_length(still: bytes, height: int, width: int) -> None:
    """Refuse a file (as `read` leaves it) that is too short for its pixels, however well they compress."""
    depth, colour = unpack("BB", still, 24)
    if height * width * depth * SAMPLES.get(colour, 1) > 8 * MOST_INFLATED * len(still):
        raise Malformed("its pixels end early")


def scale_transparency(info: dict[str | tuple[int, int], Any], still: bytes) -> None:
    """Give the see-through grey of Pillow's `info` the scale of its pixels, which Pillow widens to 8 bits."""
    depth, colour = unpack("BB", still, 24)
    if colour == GREY and depth in (2, 4) and "transparency" in info:
        info["transparency"] = (info["transparency"] & (1 << depth) - 1) * (255 // ((1 << depth) - 1))


def is_deep_colour(still: bytes) -> bool:
    """Whether a colour of 16 bits a channel may be see-through: Pillow has no such pixels."""
    return unpack("BB", still, 24) == (16, RGB) and b"tRNS" in still[: still.find(b"IDAT")]


def check_inflated(still: bytes, height: int, width: int) -> None:
    """Refuse a file whose compressed pixels end well but too early; Pillow leaves the rest black."""
    depth, colour = unpack("BB", still, 24)
    bits = depth * SAMPLES.get(colour, 1)
    passes = ADAM7 if unpack("B", still, 28)[0] else ((0, 0, 1, 1),)
    missing = 0
    for top, left, down, across in passes:
        rows, columns = -(-(height - top) // down), -(-(width - left) // across)
        missing += max(rows, 0) * (1 + -(-columns * bits // 8)) if columns > 0 else 0
    inflater = zlib.decompressobj()
    for start, stop in _pixel_chunks(still):
        rest: bytes = still[start:stop]
        while rest and missing > 0 and not inflater.eof:
            missing -= len(inflater.decompress(rest, INFLATED_STEP))
            rest = inflater.unconsumed_tail
    while missing > 0 and (more := inflater.decompress(b"", INFLATED_STEP)):
        missing -= len(more)
    if missing > 0:
        raise Malformed("its pixels end early")


def _pixel_chunks(still: bytes) -> Iterator[tuple[int, int]]:
    place = SIGNATURE_BYTES
    while place + 8 <= len(still):
        (length,) = unpack(">I", still, place)
        if still[place + 4 : place + 8] == b"IDAT":
            yield place + 8, min(place + 8 + length, len(still))
        place += CHUNK_FRAME + length
