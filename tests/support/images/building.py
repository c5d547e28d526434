"""Image files written byte by byte, so that any field of them can lie."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from typing import Any

from tests.support.photographs import encoded, picture

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
Value = int | Sequence[int] | bytes
SHORT, LONG, RATIONAL, FLOAT = 3, 4, 5, 11


def chunk(name: bytes, data: bytes = b"", length: int | None = None, crc: int | None = None) -> bytes:
    """A PNG chunk, with a length or checksum other than its own if given."""
    size = len(data) if length is None else length
    return (
        struct.pack(">I", size)
        + name
        + data
        + struct.pack(">I", zlib.crc32(name + data) if crc is None else crc)
    )


def ihdr(width: int, height: int, depth: int = 8, colour: int = 2, interlaced: int = 0) -> bytes:
    """The chunk IHDR; colours: 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGBA."""
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced))


def png(header: bytes, rows: bytes, *before: bytes, after: bytes = b"") -> bytes:
    """A PNG of `header` and filtered `rows`, with chunks `before` and `after` its pixels."""
    pixels = chunk(b"IDAT", zlib.compress(rows, 1))
    return PNG_SIGNATURE + header + b"".join(before) + pixels + after + chunk(b"IEND")


def rows_of(samples: Any) -> bytes:
    """Unfiltered rows of an array [H,...] of big-endian or single-byte samples."""
    return b"".join(b"\0" + row.tobytes() for row in samples)


def plain_png(*before: bytes, after: bytes = b"") -> bytes:
    """A sound 32x32 PNG with further chunks."""
    return png(ihdr(32, 32), rows_of(picture(32, 32)), *before, after=after)


def segment(marker: int, data: bytes = b"", length: int | None = None) -> bytes:
    """A JPEG segment, with a length other than its own if given."""
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2 if length is None else length) + data


def plain_jpeg(*segments: bytes, **options: Any) -> bytes:
    """A sound 48x64 JPEG with further segments behind its first two bytes."""
    data = encoded(picture(48, 64), "JPEG", **options)
    return data[:2] + b"".join(segments) + data[2:]


def resized_jpeg(width: int, height: int, **options: Any) -> bytes:
    """A JPEG whose header declares another size than it has."""
    data = plain_jpeg(**options)
    start = next(data.find(bytes([0xFF, sof])) for sof in (0xC0, 0xC2, 0xC1) if bytes([0xFF, sof]) in data)
    return data[: start + 5] + struct.pack(">HH", height, width) + data[start + 9 :]


def tiff(
    tags: dict[int, tuple[int, Value] | bytes], pixels: bytes = b"", order: str = "<", following: int = 0
) -> bytes:
    """A TIFF of `pixels` at byte 8 and one directory; each tag is (kind, values) or its twelve bytes."""
    start = 8 + len(pixels) + len(pixels) % 2
    extra, entries = b"", b""
    place = start + 2 + 12 * len(tags) + 4
    for number, tag in sorted(tags.items()):
        if isinstance(tag, bytes):
            entries += tag
            continue
        kind, value = tag
        data, count = _tag_data(order, kind, value)
        if len(data) > 4:
            entries += struct.pack(order + "HHII", number, kind, count, place + len(extra))
            extra += data + bytes(len(data) % 2)
        else:
            entries += struct.pack(order + "HHI", number, kind, count) + data.ljust(4, b"\0")
    magic = b"II*\0" if order == "<" else b"MM\0*"
    directory = struct.pack(order + "H", len(tags)) + entries + struct.pack(order + "I", following)
    return (magic + struct.pack(order + "I", start) + pixels).ljust(start, b"\0") + directory + extra


def _tag_data(order: str, kind: int, value: Value) -> tuple[bytes, int]:
    if isinstance(value, bytes):
        return value, len(value)
    values = [value] if isinstance(value, int) else list(value)
    return struct.pack(f"{order}{len(values)}{'H' if kind == SHORT else 'I'}", *values), len(values)


def tiff_tags(width: int, height: int, size: int, bits: Sequence[int] = (8, 8, 8)) -> dict[int, Any]:
    """Tags of one uncompressed strip of `size` bytes at byte 8."""
    return {
        256: (LONG, width),
        257: (LONG, height),
        258: (SHORT, bits),
        259: (SHORT, 1),
        262: (SHORT, 2 if len(bits) > 2 else 1),
        273: (LONG, 8),
        277: (SHORT, len(bits)),
        278: (LONG, height),
        279: (LONG, size),
    }


def plain_tiff(order: str = "<", following: int = 0, **changes: Any) -> bytes:
    """A sound 32x32 TIFF but for `changes`, keyed t259 for tag 259; None removes one."""
    pixels = picture(32, 32).tobytes()
    tags = tiff_tags(32, 32, len(pixels))
    for key, value in changes.items():
        tags[int(key[1:])] = value
    return tiff({number: tag for number, tag in tags.items() if tag is not None}, pixels, order, following)


def lying_tag(number: int, kind: int, count: int, value: int) -> bytes:
    """A little-endian TIFF entry as it stands in the file."""
    return struct.pack("<HHII", number, kind, count, value)


def exif(orientation: int, kind: int = SHORT, order: str = "<", count: int = 1) -> bytes:
    """An EXIF block that holds an orientation and nothing else."""
    magic = b"II*\0" if order == "<" else b"MM\0*"
    form = {SHORT: "HH", LONG: "I"}.get(kind, "HH")
    value = struct.pack(order + form, *((orientation, 0) if form == "HH" else (orientation,)))
    entry = struct.pack(order + "HHI", 0x0112, kind, count) + value
    return b"Exif\0\0" + magic + struct.pack(order + "IH", 8, 1) + entry + bytes(4)


def plain_gif(canvas: tuple[int, int] | None = None, before: bytes = b"", after: bytes = b"") -> bytes:
    """A 32x32 GIF, maybe with another canvas and with blocks before and after its first frame."""
    data = encoded(picture(32, 32), "GIF")
    start = 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0)
    size = struct.pack("<HH", *canvas) if canvas else data[6:10]
    return data[:6] + size + data[10:start] + before + data[start:-1] + after + b";"


def riff(*chunks: bytes, size: int | None = None) -> bytes:
    """A WebP container."""
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body) if size is None else size) + body


def webp_chunk(name: bytes, data: bytes, length: int | None = None) -> bytes:
    """A WebP chunk, with a length other than its own if given."""
    return name + struct.pack("<I", len(data) if length is None else length) + data + bytes(len(data) % 2)


def vp8x(width: int, height: int, flags: int = 0) -> bytes:
    """The chunk VP8X of a canvas."""
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return webp_chunk(b"VP8X", bytes([flags, 0, 0, 0]) + sides)


def vp8l_chunk() -> bytes:
    """The pixels of a sound 32x32 lossless WebP."""
    return encoded(picture(32, 32), "WEBP", lossless=True)[12:]


def bmp(width: int, height: int, bits: int = 24, compression: int = 0, pixels: bytes = b"") -> bytes:
    """A BMP with the 40-byte header."""
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(pixels), 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + len(pixels), 0, 0, 54) + header + pixels


def joined(*files: bytes) -> bytes:
    """Files one behind the other."""
    buffer = io.BytesIO()
    for part in files:
        buffer.write(part)
    return buffer.getvalue()
