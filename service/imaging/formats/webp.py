"""WebP: the pixels, or the first frame of an animation; profiles, metadata and later frames are left out."""

from __future__ import annotations

import struct

from service.imaging.formats.still import Malformed, Still, exif_orientation, unpack

MAX_CHUNKS = 16384
ALPHA, ANIMATED = 0x10, 0x02
Chunks = dict[bytes, tuple[int, int]]


def read(data: bytes) -> Still:
    """First picture of the WebP file `data`, of the size of its canvas."""
    chunks = _first_chunks(data)
    height, width = _size(data, chunks)
    view = memoryview(data)
    orientation = 1
    if b"EXIF" in chunks:
        start, stop = chunks[b"EXIF"]
        orientation = exif_orientation(view[start + 8 : stop])
    kept = [view[slice(*chunks[name])] for name in _needed(chunks)]
    pieces: list[bytes | memoryview] = [_extended(data, chunks)] if b"VP8X" in chunks else []
    pieces += [piece for chunk in kept for piece in (chunk, b"\0" * (len(chunk) % 2))]
    riff = b"RIFF" + struct.pack("<I", 4 + sum(map(len, pieces))) + b"WEBP"
    frame = _frame(data, chunks) if b"ANMF" in chunks else None
    return Still(height, width, orientation, (riff, *pieces), frame)


def _frame(data: bytes, chunks: Chunks) -> tuple[int, int, int, int]:
    """Top, left, bottom and right of the first frame of an animation."""
    start = chunks[b"ANMF"][0] + 8
    low_left, high_left, low_top, high_top = unpack("<HBHB", data, start)
    low_width, high_width, low_height, high_height = unpack("<HBHB", data, start + 6)
    left, top = 2 * (high_left << 16 | low_left), 2 * (high_top << 16 | low_top)
    return top, left, top + (high_height << 16 | low_height) + 1, left + (high_width << 16 | low_width) + 1


def _first_chunks(data: bytes) -> Chunks:
    """Start and end of the first chunk of each name; the walk stops at the end the file declares."""
    chunks: Chunks = {}
    (declared,) = unpack("<I", data, 4)
    end, place = min(len(data), 8 + declared), 12
    for _ in range(MAX_CHUNKS):
        if place + 8 > end:
            return chunks
        (length,) = unpack("<I", data, place + 4)
        stop = place + 8 + length
        chunks.setdefault(data[place : place + 4], (place, min(stop, end)))
        place = stop + length % 2
    raise Malformed(f"it has more than {MAX_CHUNKS} chunks")


def _needed(chunks: Chunks) -> list[bytes]:
    if b"ANMF" in chunks:
        return [name for name in (b"ANIM", b"ANMF") if name in chunks]
    pixels = [name for name in (b"VP8 ", b"VP8L") if name in chunks]
    return [*([b"ALPH"] if b"ALPH" in chunks else []), *pixels[:1]]


def _size(data: bytes, chunks: Chunks) -> tuple[int, int]:
    if b"VP8X" in chunks:
        low_width, high_width, low_height, high_height = unpack("<HBHB", data, chunks[b"VP8X"][0] + 12)
        return (high_height << 16 | low_height) + 1, (high_width << 16 | low_width) + 1
    if b"VP8L" in chunks:
        (bits,) = unpack("<I", data, chunks[b"VP8L"][0] + 9)
        return (bits >> 14 & 0x3FFF) + 1, (bits & 0x3FFF) + 1
    if b"VP8 " in chunks:
        width, height = unpack("<HH", data, chunks[b"VP8 "][0] + 14)
        return height & 0x3FFF, width & 0x3FFF
    raise Malformed("it has no pixels")


def _extended(data: bytes, chunks: Chunks) -> bytes:
    """The chunk VP8X, announcing no more than what is kept."""
    start, stop = chunks[b"VP8X"]
    flags = data[start + 8] & (ALPHA | (ANIMATED if b"ANMF" in chunks else 0))
    return data[start : start + 8] + bytes([flags]) + data[start + 9 : stop]
