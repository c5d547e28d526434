"""PNG: the critical chunks and the transparency; text, profiles and animations are left out."""

from __future__ import annotations

from typing import Any

from service.imaging.formats.still import Malformed, Still, exif_orientation, slices, unpack

KEPT = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
GREY = 0
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
