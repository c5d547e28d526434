"""Mutants of the test corpus's image files: bits, bytes, lengths, chunks and splices, all from one seed."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import TypeVar

import numpy as np

from tests.support.images.building import PNG_SIGNATURE
from tests.support.images.damaged import corpus
from tests.support.images.unusual import GOOD

MOST_SEED_BYTES = 200_000
MOST_MUTATIONS = 6
# At the edges of signedness and of the limits of the service.
NUMBERS = (0, 1, 2, 15, 16, 127, 128, 255, 256, 1024, 32767, 32768, 65535, 2**24, 2**31 - 1, 2**31, 2**32 - 1)
FORMS = (">B", "<H", ">H", "<I", ">I")
NAMES = (
    b"IHDR PLTE tRNS IDAT IEND eXIf iCCP acTL fdAT VP8X VP8L ALPH ANIM ANMF EXIF ICCP".split()
    + [b"\xff" + bytes([marker]) for marker in (0xC0, 0xC2, 0xC4, 0xC9, 0xD8, 0xD9, 0xDA, 0xDB, 0xDD, 0xE1)]
    + [b"\x21\xf9\x04", b"\x21\xfe", b"\x2c", b"II*\0", b"MM\0*", b"VP8 ", b"Exif\0\0", b"Adobe", b"JFIF\0"]
)
T = TypeVar("T")
Mutation = Callable[[bytearray, np.random.Generator], bytearray]


@cache
def seeds() -> list[bytes]:
    """Every file of the corpus that is small enough to be worth mutating."""
    return [*sound(), *_small(case.data for case in corpus())]


@cache
def sound() -> list[bytes]:
    """Those that are read: decoders have further to go in them."""
    return _small(good.data for good in GOOD)


def _small(files: Iterable[bytes]) -> list[bytes]:
    return sorted({data for data in files if 0 < len(data) <= MOST_SEED_BYTES})


def mutant(seed: int, number: int) -> bytes:
    """The mutant `number` of `seed`: the same each time, so that it need not be kept."""
    random = np.random.default_rng((seed, number))
    data = bytearray(_pick(sound() if random.random() < 0.8 else seeds(), random))
    for _ in range(min(int(random.geometric(0.5)), MOST_MUTATIONS)):
        if data:
            data = _pick(MUTATIONS, random)(data, random)
    return _with_checksums(data) if random.random() < 0.8 else bytes(data)


def _with_checksums(data: bytearray) -> bytes:
    """The same, with the checksums of a PNG put right: else nearly all its mutants end there."""
    place = len(PNG_SIGNATURE)
    while data.startswith(PNG_SIGNATURE) and place + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, place)
        stop = place + 8 + length
        if stop + 4 > len(data):
            break
        struct.pack_into(">I", data, stop, zlib.crc32(data[place + 4 : stop]))
        place = stop + 4
    return bytes(data)


def _pick(choices: Sequence[T], random: np.random.Generator) -> T:
    return choices[int(random.integers(len(choices)))]


def _place(data: bytearray, random: np.random.Generator) -> int:
    # Structure stands at the beginning: half of all changes go there.
    end = min(len(data), 128) if random.random() < 0.5 else len(data)
    return int(random.integers(end))


def _span(data: bytearray, random: np.random.Generator) -> tuple[int, int]:
    start = _place(data, random)
    return start, min(len(data), start + int(2 ** random.uniform(0, 10)))


def _flip_bits(data: bytearray, random: np.random.Generator) -> bytearray:
    for _ in range(random.integers(1, 9)):
        data[_place(data, random)] ^= 1 << int(random.integers(8))
    return data


def _set_bytes(data: bytearray, random: np.random.Generator) -> bytearray:
    start, stop = _span(data, random)
    data[start:stop] = random.bytes(stop - start)
    return data


def _set_number(data: bytearray, random: np.random.Generator) -> bytearray:
    form, place = _pick(FORMS, random), _place(data, random)
    size = struct.calcsize(form)
    number = _pick(NUMBERS, random) & (256**size - 1)
    data[place : place + size] = struct.pack(form, number)
    return data


def _nudge_number(data: bytearray, random: np.random.Generator) -> bytearray:
    form, place = _pick(FORMS, random), _place(data, random)
    size = struct.calcsize(form)
    if place + size <= len(data):
        (number,) = struct.unpack_from(form, data, place)
        struct.pack_into(form, data, place, (number + int(random.integers(-4, 5))) % 256**size)
    return data


def _remove(data: bytearray, random: np.random.Generator) -> bytearray:
    start, stop = _span(data, random)
    del data[start:stop]
    return data


def _duplicate(data: bytearray, random: np.random.Generator) -> bytearray:
    start, stop = _span(data, random)
    copies = int(2 ** random.uniform(0, 8))
    return data[:stop] + data[start:stop] * copies + data[stop:]


def _truncate(data: bytearray, random: np.random.Generator) -> bytearray:
    return data[: _place(data, random)]


def _insert_name(data: bytearray, random: np.random.Generator) -> bytearray:
    place, name = _place(data, random), _pick(NAMES, random)
    over = len(name) if random.random() < 0.7 else 0
    data[place : place + over] = name
    return data


def _splice(data: bytearray, random: np.random.Generator) -> bytearray:
    other = bytearray(_pick(seeds(), random))
    start, stop = _span(other, random)
    place = _place(data, random)
    return data[:place] + other[start:stop] + data[place + (stop - start) * int(random.integers(2)) :]


def _move_at_a_name(data: bytearray, random: np.random.Generator) -> bytearray:
    """Cut at a chunk's name or a marker, and put what follows before what precedes, or twice, or nowhere."""
    place = data.find(_pick(NAMES, random), 4)
    if place < 0:
        return data
    end = data.find(_pick(NAMES, random), place + 1)
    end = len(data) if end < 0 else end
    piece = data[place:end]
    return _pick(
        (data[:place] + data[end:], data[:end] + piece + data[end:], data[:4] + piece + data[4:]), random
    )


MUTATIONS: tuple[Mutation, ...] = (
    _flip_bits,
    _flip_bits,
    _set_bytes,
    _set_number,
    _set_number,
    _nudge_number,
    _remove,
    _duplicate,
    _truncate,
    _insert_name,
    _splice,
    _move_at_a_name,
)
