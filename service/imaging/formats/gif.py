"""GIF: the palette, the control block and the first frame; comments and application blocks are left out."""

from __future__ import annotations

from service.imaging.formats.still import Malformed, Still, slices, unpack

EXTENSION, FRAME, TRAILER, CONTROL = 0x21, 0x2C, 0x3B, 0xF9
# A body of 32 MiB in full sub-blocks has half as many; a file may not make work of tiny ones.
MAX_BLOCKS = 2**18


def read(data: bytes) -> Still:
    """First picture of the GIF file `data`, of the size of its screen, or of its frame if that is larger."""
    width, height, flags = unpack("<HHB", data, 6)
    start = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    spans, place, blocks = [(0, start)], start, 0
    control: list[tuple[int, int]] = []
    while blocks < MAX_BLOCKS:
        (kind,) = unpack("B", data, place)
        if kind == FRAME:
            left, top, columns, rows = unpack("<HHHH", data, place + 1)
            pieces = slices(data, [*spans, *control, (place, len(data))])
            frame = (top, left, top + rows, left + columns)
            return Still(max(height, frame[2]), max(width, frame[3]), 1, pieces, frame)
        if kind != EXTENSION:
            raise Malformed("it has no frame" if kind == TRAILER else "a block of unknown kind")
        stop, blocks = _skip(data, place + 2, blocks)
        if unpack("B", data, place + 1)[0] == CONTROL:
            control = [(place, stop)]
        place = stop
    raise Malformed(f"it has more than {MAX_BLOCKS} blocks before its first frame")


def _skip(data: bytes, place: int, blocks: int) -> tuple[int, int]:
    """End of the sub-blocks at `place` and the number of blocks so far."""
    while blocks < MAX_BLOCKS:
        if place >= len(data):
            raise Malformed("it ends before its first frame")
        blocks, length = blocks + 1, data[place]
        place += length + 1
        if length == 0:
            break
    return place, blocks
