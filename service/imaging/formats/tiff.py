"""TIFF: the tags of the first directory that describe its pixels, in a directory of their own."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from service.imaging.formats.still import (
    Foreign,
    Malformed,
    Still,
    Tag,
    Unread,
    inline,
    orientation_of,
    read_directory,
    unpack,
)

NEW_SUBFILE, OLD_SUBFILE, SUB_DIRECTORIES, DNG_VERSION = 254, 255, 330, 50706
BITS, PHOTOMETRIC, SAMPLES, PLANES, FORMAT = 258, 262, 277, 284, 339
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
# Cameras write up to four pictures of one photograph; a document of pages has no more to say here.
MAX_DIRECTORIES = 16
# Colour filter array, linear raw.
RAW_PHOTOMETRICS = (32803, 34892)
RAW = (
    "The file is the raw data of a camera (DNG or the like), laid out as TIFF. "
    "Develop it in a raw converter and send it as JPEG, PNG or TIFF."
)
PLANAR = 2
# Bits of the type of a directory: a reduced copy, a transparency mask.
COPY_OR_MASK = 1 | 4
UNSIGNED, UNDEFINED = 1, 4


def read(data: bytes) -> Still:
    """First picture of the TIFF file `data`."""
    order = "<" if data.startswith(b"II") else ">"
    tags = _full_picture(data, order)
    kept = sorted((tag for tag in tags if tag.number in KEPT), key=lambda tag: tag.number)
    values = {tag.number: inline(data, order, tag) for tag in kept if tag.number in SINGLE}
    if WIDTH not in values or HEIGHT not in values:
        raise Malformed("it does not say its size")
    _check(len(data), kept, values)
    _check_samples(data, order, tags)
    directory = struct.pack(order + "H", len(kept))
    directory += b"".join(data[tag.place : tag.place + 12] for tag in kept) + bytes(4)
    padding = bytes(len(data) % 2)
    header = data[:4] + struct.pack(order + "I", len(data) + len(padding))
    pieces = (header, memoryview(data)[8:], padding, directory)
    return Still(values[HEIGHT], values[WIDTH], orientation_of(data, order, tags), pieces)


def _full_picture(data: bytes, order: str) -> list[Tag]:
    """Tags of the first directory, or of the picture itself where that is a reduced copy of it."""
    (place,) = unpack(order + "I", data, 4)
    first = read_directory(data, order, place)
    marks = {tag.number for tag in first}
    if data[8:10] == b"CR":
        raise Foreign(RAW)
    reduced = _is_reduced(data, order, first)
    if not reduced and SUB_DIRECTORIES not in marks:
        candidates = [first]
    else:
        candidates = [first, *_others(data, order, place, first, pages=reduced)]
    if DNG_VERSION in marks or any(
        _first(data, order, tags, PHOTOMETRIC) in RAW_PHOTOMETRICS for tags in candidates
    ):
        raise Foreign(RAW)
    full = [tags for tags in candidates if not _is_reduced(data, order, tags)]
    return max(full, key=lambda tags: _area(data, order, tags), default=first)


def _others(data: bytes, order: str, place: int, first: list[Tag], *, pages: bool) -> Iterator[list[Tag]]:
    """Directories that `first` names as parts of it and, with `pages`, those that follow it."""
    places = next((_values(data, order, tag) for tag in first if tag.number == SUB_DIRECTORIES), [])
    seen = {place}
    for each in places[:MAX_DIRECTORIES]:
        if each not in seen:
            seen.add(each)
            yield read_directory(data, order, each)
    while pages and len(seen) < 2 * MAX_DIRECTORIES:
        (count,) = unpack(order + "H", data, place)
        (place,) = unpack(order + "I", data, place + 2 + 12 * count)
        if place == 0 or place in seen:
            return
        seen.add(place)
        yield read_directory(data, order, place)


def _values(data: bytes, order: str, tag: Tag) -> list[int]:
    """Up to MAX_DIRECTORIES integers of a tag."""
    form = {1: "B", 3: "H", 4: "I", 13: "I"}.get(tag.kind)
    if form is None:
        return []
    count = min(tag.count, MAX_DIRECTORIES)
    place = tag.place + 8 if tag.count * struct.calcsize("=" + form) <= 4 else tag.value
    return list(unpack(f"{order}{count}{form}", data, place))


def _first(data: bytes, order: str, tags: list[Tag], number: int) -> int | None:
    found = next((_values(data, order, tag) for tag in tags if tag.number == number), [])
    return found[0] if found else None


def _is_reduced(data: bytes, order: str, tags: list[Tag]) -> bool:
    return (
        bool((_first(data, order, tags, NEW_SUBFILE) or 0) & COPY_OR_MASK)
        or _first(data, order, tags, OLD_SUBFILE) == 2
    )


def _area(data: bytes, order: str, tags: list[Tag]) -> int:
    return (_first(data, order, tags, WIDTH) or 0) * (_first(data, order, tags, HEIGHT) or 0)


def _check_samples(data: bytes, order: str, tags: list[Tag]) -> None:
    """Refuse what Pillow cannot read, or reads as another picture."""
    bits = next((_values(data, order, tag) for tag in tags if tag.number == BITS), [1])
    kind = _first(data, order, tags, FORMAT) or UNSIGNED
    if kind not in (UNSIGNED, UNDEFINED) or max(bits, default=1) > 16:
        raise Unread("values of 32 bits, signed or floating-point ones have no defined white")
    samples = _first(data, order, tags, SAMPLES) or 1
    if _first(data, order, tags, PLANES) == PLANAR and samples > 1 and max(bits) > 8:
        raise Unread("its channels of 16 bits lie apart (planar); save them interleaved")
    if samples == 2 and (max(bits) > 8 or _first(data, order, tags, PLANES) == PLANAR):
        raise Unread(
            "it is grey with alpha, of 16 bits or as planes; save it interleaved with 8, or without alpha"
        )


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
