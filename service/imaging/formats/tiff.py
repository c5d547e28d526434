"""TIFF: the tags of the first directory that describe its pixels, in a directory of their own."""

from __future__ import annotations

import struct

from service.imaging.formats.still import (
    Malformed,
    Still,
    Tag,
    Unread,
    inline,
    orientation_of,
    read_directory,
    unpack,
)

WIDTH, HEIGHT, COMPRESSION, TILE_WIDTH, TILE_HEIGHT = 256, 257, 259, 322, 323
SINGLE = {WIDTH, HEIGHT, COMPRESSION, TILE_WIDTH, TILE_HEIGHT}
OFFSETS = {273, 324}
# Bits, photometric, fill order, strips, samples, rows a strip, planes, predictor, colour map,
# tiles, extra samples, sample format, JPEG tables, and how YCbCr is stored.
KEPT = {256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 317, 320}
KEPT |= {322, 323, 324, 325, 338, 339, 347, 529, 530, 531, 532}
# No fax: photographs are not black and white, and libtiff logs every bad line of such a file.
COMPRESSIONS = {1: "none", 5: "LZW", 7: "JPEG", 8: "deflate", 32773: "PackBits", 32946: "deflate"}
COMPRESSIONS |= {50000: "Zstandard"}
BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
# More strips than an image of a line each can have at the usual sizes; their places are held as objects.
MAX_STRIPS = 65536
MAX_TILE = 2**24


def read(data: bytes) -> Still:
    """First picture of the TIFF file `data`."""
    order = "<" if data.startswith(b"II") else ">"
    tags = read_directory(data, order, unpack(order + "I", data, 4)[0])
    kept = sorted((tag for tag in tags if tag.number in KEPT), key=lambda tag: tag.number)
    values = {tag.number: inline(data, order, tag) for tag in kept if tag.number in SINGLE}
    if WIDTH not in values or HEIGHT not in values:
        raise Malformed("it does not say its size")
    _check(len(data), kept, values)
    directory = struct.pack(order + "H", len(kept))
    directory += b"".join(data[tag.place : tag.place + 12] for tag in kept) + bytes(4)
    padding = bytes(len(data) % 2)
    header = data[:4] + struct.pack(order + "I", len(data) + len(padding))
    pieces = (header, memoryview(data)[8:], padding, directory)
    return Still(values[HEIGHT], values[WIDTH], orientation_of(data, order, tags), pieces)


def _check(size: int, kept: list[Tag], values: dict[int, int]) -> None:
    compression = values.get(COMPRESSION, 1)
    if compression not in COMPRESSIONS:
        names = ", ".join(dict.fromkeys(COMPRESSIONS.values()))
        raise Unread(f"its compression is number {compression}; save it with one of {names}")
    if values.get(TILE_WIDTH, 1) * values.get(TILE_HEIGHT, 1) > MAX_TILE:
        raise Unread(f"its tiles have more than {MAX_TILE} pixels")
    if any(tag.number in OFFSETS and tag.count > MAX_STRIPS for tag in kept):
        raise Unread(f"it has more than {MAX_STRIPS} strips or tiles; save it with more rows a strip")
    # Each tag may claim the whole file as its value: together they may not claim it more than once.
    if sum(tag.count * BYTES.get(tag.kind, 1) for tag in kept) > size:
        raise Malformed("its tags claim more bytes than the file has")
