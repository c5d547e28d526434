"""JPEG: tables and scans; of the application segments only those that say how colours are stored."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from service.imaging.formats.still import Malformed, Still, Unread, exif_orientation, slices, unpack

SOF = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
SEQUENTIAL, PROGRESSIVE = (0xC0, 0xC1), 0xC2
LOSSLESS = (0xC3, 0xC7, 0xCB, 0xCF)
SOS, EOI, EXIF, JFIF, ADOBE, DRI = 0xDA, 0xD9, 0xE1, 0xE0, 0xEE, 0xDD
TABLES = {0xC4, 0xCC, 0xDB, DRI}
ALONE = {0x01, *range(0xD0, 0xD9)}
MAX_SEGMENTS = 1024
END = "its pixels end early"
# Progressive encoders write about ten; each costs a pass over the whole picture, however short it is.
MAX_SCANS = 64
# A Huffman code of a block of 8x8 pixels has a bit at least: what is shorter would be padded with grey.
MAX_PIXELS_PER_BYTE = 512
SEARCH_BYTES = 2**18
# In compressed data 0xFF stands before 0, a restart or, as a fill byte, 0xFF: all else is a marker.
MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
# Restarts included.
ANY_MARKER = re.compile(rb"\xff[\x01-\xfe]")


def read(data: bytes) -> Still:
    """Picture of the JPEG file `data`."""
    size: tuple[int, int] | None = None
    orientation, spans, place = 0, [(0, 2)], 2
    for _ in range(MAX_SEGMENTS):
        start, marker, stop = _segment(data, place)
        if marker in SOF:
            _check_kind(data, marker, start)
            size = _size(data, start)
        if marker == SOS:
            if size is None:
                raise Malformed("its pixels come before their size")
            return Still(*size, orientation or 1, slices(data, [*spans, (start, len(data))]))
        if marker == EXIF and not orientation and data.startswith(b"Exif\0", start + 4):
            orientation = exif_orientation(memoryview(data)[start + 4 : stop])
        if marker in SOF | TABLES or _says_colours(data, marker, start):
            spans.append((start, stop))
        place = stop
    raise Malformed(f"it has more than {MAX_SEGMENTS} segments before its pixels")


def find(marker: re.Pattern[bytes], data: bytes, place: int) -> int:
    """Where the next match of `marker`, of two bytes, starts; -1 if none does.

    Piece by piece: one search through 32 MiB of fill bytes would keep all other threads waiting for .6 s.
    """
    for start in range(place, len(data), SEARCH_BYTES):
        if found := marker.search(data, start, start + SEARCH_BYTES + 1):
            return found.start()
    return -1


def checked_scan(still: bytes, height: int, width: int) -> FirstScan:
    """What stands before the first compressed data of a file as `read` leaves it.

    Malformed for more than MAX_SCANS scans, or for a file too short for its one scan. Counting costs a
    search through the file, so it is done only where there can be several.
    """
    first = _first_scan(still)
    if first.marker == PROGRESSIVE or first.scanned < first.components:
        _count_scans(still)
    elif height * width > MAX_PIXELS_PER_BYTE * len(still):
        raise Malformed(END)
    return first


@dataclass(frozen=True)
class FirstScan:
    """The frame's marker and number of components, how many the first scan has, and where its data begin."""

    marker: int
    components: int
    scanned: int
    restarts: int
    place: int

    @property
    def is_plain(self) -> bool:
        """Whether one scan without restarts holds the whole picture, of one component or three."""
        whole = self.marker in SEQUENTIAL and self.scanned == self.components
        return whole and self.components in (1, 3) and not self.restarts


def _first_scan(still: bytes) -> FirstScan:
    marker, components, restarts = 0, 0, 0
    for start, kind, stop in _segments(still):
        if kind in SOF:
            marker, components = kind, unpack("B", still, start + 9)[0]
        elif kind == DRI:
            (restarts,) = unpack(">H", still, start + 4)
        elif kind == SOS:
            return FirstScan(marker, components, unpack("B", still, start + 4)[0], restarts, stop)
    raise Malformed("it ends before its pixels")


def _count_scans(still: bytes) -> None:
    scans, place = 0, 2
    for _ in range(MAX_SEGMENTS):
        start = find(MARKER, still, place)
        if start < 0 or still[start + 1] == EOI:
            return
        _, marker, place = _segment(still, start)
        scans += marker == SOS
        if scans > MAX_SCANS:
            raise Unread(f"it has more than {MAX_SCANS} scans")
    raise Malformed(f"it has more than {MAX_SEGMENTS} segments")


def _check_kind(data: bytes, marker: int, start: int) -> None:
    if marker in LOSSLESS:
        raise Unread("it is a lossless JPEG; save it as a baseline JPEG, or as PNG")
    if marker not in (*SEQUENTIAL, PROGRESSIVE):
        raise Unread("it is arithmetic-coded or hierarchical; save it as a baseline JPEG")
    (bits,) = unpack("B", data, start + 4)
    if bits != 8:
        raise Unread(f"it has {bits} bits a sample; save it with 8, or as PNG of 16")


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Start, marker and end of every segment up to where the file ends, which is Malformed."""
    place = 2
    while True:
        start, marker, place = _segment(data, place)
        yield start, marker, place


def _segment(data: bytes, place: int) -> tuple[int, int, int]:
    """Start, marker and end of the next segment; bytes between segments are skipped, as decoders do."""
    start = find(ANY_MARKER, data, place)
    if start < 0:
        raise Malformed("it ends before its pixels")
    marker = data[start + 1]
    if marker == EOI:
        raise Malformed("it ends before its pixels")
    if marker in ALONE:
        return start, marker, start + 2
    (length,) = unpack(">H", data, start + 2)
    return start, marker, start + 2 + max(length, 2)


def _size(data: bytes, start: int) -> tuple[int, int]:
    height, width = unpack(">HH", data, start + 5)
    if height == 0:
        raise Unread("its height stands behind its pixels (DNL)")
    return height, width


def _says_colours(data: bytes, marker: int, start: int) -> bool:
    if marker == JFIF:
        return data.startswith(b"JFIF\0", start + 4)
    return marker == ADOBE and data.startswith(b"Adobe", start + 4)
