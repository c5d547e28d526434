"""The compressed data of a JPEG, cut where each restart interval or scan ends, with its scans checked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from service.imaging.formats.jpeg import ALONE, ANY_MARKER, DRI, END, EOI, SOF, SOS, find
from service.imaging.formats.still import Malformed, unpack

FIRST_RESTART = 0xD0


def scan_end(data: bytes, place: int) -> int:
    """Where the compressed data at `place` end: at the first marker of any kind, or with the file."""
    stop = find(ANY_MARKER, data, place)
    return len(data) if stop < 0 else stop


def ceil_div(number: int, divisor: int) -> int:
    """The quotient, rounded up."""
    return -(-number // divisor)


@dataclass
class _Frame:
    """The picture's components, and the precision to which the scans so far hold each coefficient."""

    height: int
    width: int
    sampling: dict[int, tuple[int, int]]
    #: For each component and coefficient the lowest bit that a scan held; absent if none did.
    lowest: dict[tuple[int, int], int] = field(default_factory=dict)

    def units(self, components: list[int]) -> int:
        """Number of coding units (MCUs) of a scan of `components`; T.81, A.2."""
        across = max(h for h, _ in self.sampling.values())
        down = max(v for _, v in self.sampling.values())
        if len(components) > 1:
            return ceil_div(self.width, 8 * across) * ceil_div(self.height, 8 * down)
        h, v = self.sampling[components[0]]
        columns, rows = ceil_div(self.width * h, across), ceil_div(self.height * v, down)
        return ceil_div(columns, 8) * ceil_div(rows, 8)

    def check(self) -> None:
        """Refuse a picture of which scans are missing: decoders would show it blurred or without colour."""
        if any(self.lowest.get((each, k), 1) for each in self.sampling for k in range(64)):
            raise Malformed("its last scans are missing")


def intervals(still: bytes) -> Iterator[tuple[int, int]]:
    """Spans (start, stop) of the file up to the end of each restart interval, tables in between included.

    Malformed where restart markers are lost or scans are missing.
    """
    frame: _Frame | None = None
    restarts, begun, place = 0, 0, 2
    while (start := find(ANY_MARKER, still, place)) >= 0 and still[start + 1] != EOI:
        marker = still[start + 1]
        if marker in ALONE:
            place = start + 2
            continue
        place = start + 2 + max(unpack(">H", still, start + 2)[0], 2)
        if marker == DRI:
            (restarts,) = unpack(">H", still, start + 4)
        elif marker in SOF:
            frame = _frame(still, start)
        elif marker == SOS and frame is not None:
            units = _scan(frame, still, start)
            for stop in _stops(still, place, ceil_div(units, restarts) if restarts else 1):
                yield begun, stop
                begun = place = stop
    if frame is not None:
        frame.check()


def _frame(still: bytes, start: int) -> _Frame:
    height, width, count = unpack(">HHB", still, start + 5)
    sampling = {}
    for index in range(count):
        name, factors = unpack("BB", still, start + 10 + 3 * index)
        sampling[name] = max(factors >> 4, 1), max(factors & 15, 1)
    return _Frame(height, width, sampling)


def _scan(frame: _Frame, still: bytes, start: int) -> int:
    """Note what the scan at `start` holds, and return its number of coding units."""
    (count,) = unpack("B", still, start + 4)
    components = [unpack("B", still, start + 5 + 2 * index)[0] for index in range(count)]
    first, last, bits = unpack("BBB", still, start + 5 + 2 * count)
    if not components or not set(components) <= set(frame.sampling) or last > 63:
        raise Malformed("a scan is not of its components")
    for each in components:
        frame.lowest.update({(each, k): bits & 15 for k in range(first, last + 1)})
    return frame.units(components)


def _stops(still: bytes, place: int, count: int) -> Iterator[int]:
    """Ends of the `count` restart intervals of the scan whose data begin at `place`."""
    for number in range(count):
        stop = scan_end(still, place)
        yield stop
        if number + 1 == count:
            return
        if stop == len(still) or still[stop + 1] == EOI:
            raise Malformed(END)
        if still[stop + 1] != FIRST_RESTART + number % 8:
            raise Malformed("a part of its pixels is missing: its restart markers are out of order")
        place = stop + 2
