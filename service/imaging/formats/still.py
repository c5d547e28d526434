"""The part of an image file that its first picture needs, found without decoding a pixel."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterable
from dataclasses import dataclass

ORIENTATION_TAG = 0x0112
BYTE, SHORT, LONG = 1, 3, 4
MAX_TAGS = 1024


class Malformed(ValueError):
    """A structure that cannot be followed; completes "The PNG image is truncated or corrupt: ..."."""


class Unread(Malformed):
    """A sound file of a kind that is not read; the message completes "This kind of TIFF is not read: ..."."""


class Foreign(Malformed):
    """A file of another format in the guise of one that is read; the message says all to the sender."""


@dataclass(frozen=True)
class Still:
    """Size as stored in the file, EXIF orientation 1..8, and the slices of the file that decoding needs.

    `frame` is the part (top, left, bottom, right) that has pixels, where that may be less than everything.
    """

    height: int
    width: int
    orientation: int
    pieces: tuple[bytes | memoryview, ...]
    frame: tuple[int, int, int, int] | None = None

    def file(self) -> bytes:
        """The pieces as one file; no copy where that is the whole file."""
        first, *others = self.pieces
        return first if isinstance(first, bytes) and not others else b"".join(self.pieces)


def slices(data: bytes, spans: Iterable[tuple[int, int]]) -> tuple[bytes | memoryview, ...]:
    """Views of `data` at ascending spans (start, stop), neighbours joined; `data` itself if that is all."""
    joined: list[tuple[int, int]] = []
    for start, stop in spans:
        if joined and joined[-1][1] == start:
            joined[-1] = (joined[-1][0], stop)
        else:
            joined.append((start, stop))
    if joined == [(0, len(data))]:
        return (data,)
    view = memoryview(data)
    return tuple(view[start:stop] for start, stop in joined)


def unpack(form: str, data: bytes | memoryview, place: int) -> tuple[int, ...]:
    """Integers of `form` at `place`; Malformed where the file ends before them."""
    try:
        return struct.unpack_from(form, data, place)
    except struct.error:
        raise Malformed("it ends within its header") from None


@dataclass(frozen=True)
class Tag:
    """One entry of an image file directory: twelve bytes at `place`, of which the last four are `value`."""

    number: int
    kind: int
    count: int
    place: int
    value: int


def read_directory(data: bytes | memoryview, order: str, offset: int) -> list[Tag]:
    """Tags of the image file directory at `offset`, each number once; `order` is "<" or ">"."""
    (count,) = unpack(order + "H", data, offset)
    if count > MAX_TAGS:
        raise Malformed(f"it has {count} tags, at most {MAX_TAGS} are read")
    tags: dict[int, Tag] = {}
    for place in itertools.islice(itertools.count(offset + 2, 12), count):
        number, kind, values, value = unpack(order + "HHII", data, place)
        tags.setdefault(number, Tag(number, kind, values, place, value))
    return list(tags.values())


def inline(data: bytes | memoryview, order: str, tag: Tag) -> int:
    """The single integer that lies in the entry itself."""
    if tag.kind not in (BYTE, SHORT, LONG) or tag.count != 1:
        raise Malformed(f"its tag {tag.number} is not one integer")
    form = {BYTE: "B", SHORT: "H", LONG: "I"}[tag.kind]
    return unpack(order + form, data, tag.place + 8)[0]


def exif_orientation(exif: bytes | memoryview) -> int:
    """Orientation 1..8 of an EXIF block; 1 where it has none that makes sense: EXIF is often damaged."""
    if bytes(exif[:6]) == b"Exif\0\0":
        exif = exif[6:]
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(bytes(exif[:4]))
    if order is None:
        return 1
    try:
        return orientation_of(exif, order, read_directory(exif, order, unpack(order + "I", exif, 4)[0]))
    except Malformed:
        return 1


def orientation_of(data: bytes | memoryview, order: str, tags: Iterable[Tag]) -> int:
    """The orientation among `tags`; 1 where there is none from 1 to 8."""
    for tag in tags:
        if tag.number == ORIENTATION_TAG:
            value = inline(data, order, tag)
            return value if 1 <= value <= 8 else 1
    return 1
