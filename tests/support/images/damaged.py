"""Hostile and broken image files, each with the problem that must answer it, made by code."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from tests.support.images.building import (
    LONG,
    PNG_SIGNATURE,
    SHORT,
    bmp,
    chunk,
    exif,
    ihdr,
    lying_tag,
    plain_gif,
    plain_jpeg,
    plain_png,
    plain_tiff,
    png,
    resized_jpeg,
    riff,
    segment,
    tiff,
    tiff_tags,
    vp8l_chunk,
    vp8x,
    webp_chunk,
)
from tests.support.photographs import encoded, picture

MEGABYTE = 2**20


@dataclass(frozen=True)
class Case:
    """A file and what must come of it: a problem's slug, or "" for an answer; `words` are in its detail."""

    name: str
    data: bytes
    slug: str = ""
    words: str = ""


TOO_LARGE, TOO_SMALL = "image-too-large", "image-too-small"
BAD, UNKNOWN = "undecodable-image", "unsupported-image"
AT_MOST = "at most 32000000 are accepted"


def bombs() -> Iterator[Case]:
    """Small files that declare much."""
    flat = png(ihdr(30000, 30000, 1, 0), bytes(3751 * 30000))
    yield Case("png 30000x30000 of one bit", flat, TOO_LARGE, AT_MOST)
    yield Case("png that declares 2^31-1", png(ihdr(2**31 - 1, 2**31 - 1), bytes(9)), TOO_LARGE, AT_MOST)
    yield Case("png that declares 2^32-1 rows", png(ihdr(16, 2**32 - 1), bytes(9)), TOO_LARGE, AT_MOST)
    yield Case("gif canvas 65535x65535", plain_gif((65535, 65535)), TOO_LARGE, AT_MOST)
    yield Case("gif frame beyond its canvas", _gif_frame_at(60000, 60000), TOO_LARGE, AT_MOST)
    for flags, name in ((0, "still"), (2, "animated")):
        canvas = riff(vp8x(2**24, 2**24, flags), vp8l_chunk())
        yield Case(f"webp canvas 2^24 {name}", canvas, TOO_LARGE, AT_MOST)
    yield Case("webp lossless 16384x16384", riff(_vp8l(16384, 16384)), TOO_LARGE, AT_MOST)
    yield Case("jpeg 65535x65535", resized_jpeg(65535, 65535), TOO_LARGE, AT_MOST)
    yield Case(
        "progressive jpeg 65535x65535", resized_jpeg(65535, 65535, progressive=True), TOO_LARGE, AT_MOST
    )
    yield Case("jpeg 5000x5000 of few bytes", resized_jpeg(5000, 5000), BAD, "end early")
    yield Case("bmp 2^31-1", bmp(2**31 - 1, 2**31 - 1), TOO_LARGE, AT_MOST)
    yield Case("bmp height -2^31", bmp(64, -(2**31)), TOO_LARGE, AT_MOST)
    yield Case("bmp 5000x5000 without pixels", bmp(5000, 5000), BAD, "truncated or corrupt")
    yield Case("tiff length 2^32-1", plain_tiff(t257=(LONG, 2**32 - 1)), TOO_LARGE, AT_MOST)
    yield Case(
        "tiff 5000x5000 of one short strip", plain_tiff(t256=(LONG, 5000), t257=(LONG, 5000)), BAD, "corrupt"
    )


def work() -> Iterator[Case]:
    """Files whose structure, not their size, would cost time or memory."""
    many = chunk(b"tEXt", b"a\0b") * 300_000
    yield Case("png of 300000 chunks", plain_png(many), BAD, "more than 16384 chunks")
    text = zlib.compress(bytes(64 * MEGABYTE), 9)
    for name, data in _compressed_texts(text):
        yield Case(f"png {name} bomb", plain_png(chunk(name.encode(), data)))
        yield Case(f"png {name} bomb behind its pixels", plain_png(after=chunk(name.encode(), data)))
    long = png(ihdr(2_000_000, 16, 8, 0), bytes(2_000_001 * 16))
    yield Case("png 2000000x16", long, TOO_LARGE, "no side may be longer than 65535")
    yield Case("png of 4000x4000 without pixels", png(ihdr(4000, 4000), b""), BAD, "end early")
    yield Case("png with more pixels than it declares", png(ihdr(32, 32), bytes(64 * MEGABYTE)))
    yield Case("jpeg of 100000 segments", plain_jpeg(segment(0xFE) * 100_000), BAD, "1024 segments")
    yield Case("jpeg with 20 MB of EXIF", plain_jpeg(segment(0xE1, b"Exif\0\0" + bytes(65000)) * 300))
    for name, filling in (("fill bytes", b"\xff\xff"), ("stuffed zeros", b"\xff\0")):
        yield Case(f"jpeg of {name}", b"\xff\xd8\xff\xff" + filling * 10**7, BAD, "ends before its pixels")
    yield Case("jpeg of 500 scans", _jpeg_of_scans(500), BAD, "more than 64 scans")
    comment = b"\x21\xfe" + b"\xff" + b"c" * 255
    yield Case("gif with a comment of 8 MB", plain_gif(before=comment[:2] + comment[2:] * 32768 + b"\0"))
    yield Case("gif of a million empty blocks", plain_gif(before=b"\x21\xfe\0" * 10**6), BAD, "262144 blocks")
    yield Case(
        "gif of tiny sub-blocks", plain_gif(before=b"\x21\xfe" + b"\1a" * 10**6 + b"\0"), BAD, "blocks"
    )
    empty = webp_chunk(b"JUNK", b"") * 300_000
    yield Case("webp of 300000 chunks", riff(vp8x(32, 32), empty, vp8l_chunk()), BAD, "16384 chunks")
    yield from _tiff_work()


def _compressed_texts(text: bytes) -> list[tuple[str, bytes]]:
    return [
        ("zTXt", b"key\0\0" + text),
        ("iTXt", b"key\0\1\0\0\0" + text),
        ("iCCP", b"key\0\0" + text),
    ]


def _tiff_work() -> Iterator[Case]:
    claimed = {f"t{n}": lying_tag(n, 1, 3000, 8) for n in range(40000, 40600)}
    yield Case("tiff whose private tags share one value", plain_tiff(**claimed))
    claimed = {f"t{n}": lying_tag(n, 1, 3000, 8) for n in range(40000, 42000)}
    yield Case("tiff of 2009 tags", plain_tiff(**claimed), BAD, "at most 1024")
    yield Case(
        "tiff offsets of 2^30 strips", plain_tiff(t273=lying_tag(273, 4, 2**30, 8)), BAD, "65536 strips"
    )
    yield Case("tiff bits of 2^31 samples", plain_tiff(t258=lying_tag(258, 3, 2**31, 8)), BAD, "more bytes")
    yield Case("tiff of 65535 samples", plain_tiff(t277=(SHORT, 65535)), BAD, "corrupt")
    tiles = {"t322": (LONG, 2**30), "t323": (LONG, 2**30), "t324": (LONG, 8), "t325": (LONG, 3072)}
    fax = plain_tiff(t258=(SHORT, 1), t259=(SHORT, 3), t262=(SHORT, 1), t277=(SHORT, 1))
    yield Case("tiff of fax lines", fax, BAD, "save it with one of none, LZW")
    yield Case("tiff of huge tiles", plain_tiff(**tiles, t273=None, t279=None), BAD, "tiles have more")
    yield Case("tiff with a cycle of directories", plain_tiff(following=8 + 3072))
    yield Case("tiff whose directory names itself as EXIF", plain_tiff(t34665=(LONG, 8 + 3072)))
    yield Case("tiff with sub-images in a cycle", plain_tiff(t330=(LONG, [8 + 3072] * 100)))
    yield Case("bigtiff", b"II+\0\x08\0\0\0" + struct.pack("<Q", 16) + bytes(400), UNKNOWN, "TIFF")
    yield Case(
        "tiff directory beyond its end", b"II*\0" + struct.pack("<I", 2**32 - 2) + bytes(99), BAD, "header"
    )
    yield Case("tiff without a size", plain_tiff(t256=None), BAD, "does not say its size")
    yield Case("tiff of two widths", plain_tiff(t256=(LONG, [32, 32])), BAD, "tag 256 is not one integer")
    yield Case(
        "tiff of unknown compression", plain_tiff(t259=(SHORT, 34661)), BAD, "compression is number 34661"
    )
    for progressive in (False, True):
        claims = resized_jpeg(65500, 65500, progressive=progressive)
        yield Case(
            f"tiff of a huge JPEG, {progressive=}", _tiff_of_jpegs(claims, 1), BAD, "larger than its strip"
        )
    whole = encoded(picture(32, 32), "JPEG")
    yield Case(
        "tiff whose JPEG strips share one file", _tiff_of_jpegs(whole, 5000, 8), BAD, "4096 JPEG strips"
    )
    yield Case("tiff whose few JPEG strips overlap", _tiff_of_jpegs(whole, 40), BAD, "overlap")
    yield Case("tiff of 500 scans", _tiff_of_jpegs(_jpeg_of_scans(500), 1), BAD, "more than 64 scans")
    yield Case("tiff strip beyond the end", plain_tiff(t273=(LONG, 2**31)), BAD, "corrupt")
    yield Case("tiff of floats", _float_tiff(), BAD, "not read: values of 32 bits")
    yield Case(
        "tiff of 32-bit integers", encoded(Image.new("I", (32, 32), 70000), "TIFF"), BAD, "defined white"
    )


def broken() -> Iterator[Case]:
    """Files that lost a part, lie about a length, or are of no known kind."""
    yield from _truncated()
    yield Case("png of no pixels", PNG_SIGNATURE + ihdr(0, 0) + chunk(b"IEND"), TOO_SMALL, "0 x 0")
    yield Case("png without IHDR", PNG_SIGNATURE + chunk(b"IDAT", bytes(20)), BAD, "first chunk is not IHDR")
    yield Case(
        "png with a wrong checksum", PNG_SIGNATURE + chunk(b"IHDR", ihdr(32, 32)[8:21], crc=1), BAD, "corrupt"
    )
    yield Case(
        "png whose chunk has length 2^31",
        PNG_SIGNATURE + ihdr(32, 32) + chunk(b"IDAT", b"", 2**31),
        BAD,
        "PNG",
    )
    yield Case("png of unknown depth", png(ihdr(32, 32, 7, 2), bytes(3104)), BAD, "PNG")
    yield Case("png with a filter of no kind", png(ihdr(32, 32), b"\x09" * 3104), BAD, "truncated or corrupt")
    yield Case("png palette without colours", png(ihdr(32, 32, 8, 3), bytes(33 * 32)), BAD)
    yield Case("jpeg of two bytes and a marker", b"\xff\xd8\xff", BAD, "ends before its pixels")
    yield Case("jpeg of height 0", resized_jpeg(64, 0), BAD, "DNL")
    yield Case("jpeg of width 0", resized_jpeg(0, 48), TOO_SMALL, "0 x 48")
    yield Case("jpeg that ends at once", b"\xff\xd8\xff\xd9" + bytes(64), BAD, "before its pixels")
    yield Case("jpeg whose segment leads beyond its end", b"\xff\xd8" + segment(0xE0, b"JFIF\0", 65535), BAD)
    yield Case("jpeg whose segment has length 0", plain_jpeg(segment(0xE5, b"", 0)))
    yield Case("jpeg of 12 bits", _jpeg_precision(12), BAD)
    yield Case("jpeg of 7 components", _jpeg_components(7), BAD)
    yield Case("gif without a frame", encoded(picture(32, 32), "GIF")[:13] + b"\0" * 768 + b";", BAD)
    yield Case("gif of no pixels", b"GIF89a" + bytes(7) + b";", BAD, "no frame")
    yield Case("bmp of width -64", bmp(-64, 64), BAD, "width is negative")
    yield Case("bmp of no pixels", bmp(0, 0), TOO_SMALL, "0 x 0")
    yield Case("bmp with runs", bmp(64, 64, 8, 1, bytes(64)), BAD, "save it uncompressed")
    yield Case("bmp of jpeg", bmp(64, 64, 24, 4, bytes(64)), BAD, "BMP")
    yield Case("bmp with a header of 2^32-1", b"BM" + bytes(12) + b"\xff" * 40, BAD, "BMP")
    yield Case("webp without pixels", riff(vp8x(64, 64)), BAD, "WEBP")
    yield Case("webp whose canvas is not its picture", riff(vp8x(64, 64), vp8l_chunk()), BAD, "WEBP")
    yield Case("webp of zeros", riff(webp_chunk(b"VP8 ", bytes(64))), TOO_SMALL, "0 x 0")
    yield Case("webp chunk of length 2^32-1", riff(webp_chunk(b"VP8L", b"\x2f\x1f\xc0\7\0", 2**32 - 1)), BAD)
    for name, data in _strangers():
        yield Case(name, data, UNKNOWN, "JPEG, PNG, GIF, TIFF, BMP, WEBP")
    for height, width in ((15, 400), (400, 15), (1, 20000), (20000, 1), (1, 1)):
        yield Case(f"png {width}x{height}", encoded(picture(height, width)), TOO_SMALL, "at least 16")


def _truncated() -> Iterator[Case]:
    for kind in ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP"):
        data = encoded(picture(64, 64), kind)
        for share in (0.25, 0.5, 0.75, 0.95):
            yield Case(f"{kind} cut at {share}", data[: int(share * len(data))], BAD, kind)
    whole = plain_jpeg(segment(0xE1, exif(6)), progressive=True)
    places = [i for i in range(4, len(whole) - 2) if whole[i] == 0xFF and whole[i + 1] not in (0, 0xFF)]
    for place in places:
        yield Case(f"jpeg cut before the marker at {place}", whole[:place], BAD, "JPEG")
    whole = plain_png(chunk(b"gAMA", bytes(4)))
    for place in (8, 16, 24, 33, 37, 45, 53, 60):
        yield Case(f"png cut at byte {place}", whole[:place], BAD, "PNG")
    for place in (6, 10, 12, 13):
        yield Case(f"gif cut at byte {place}", plain_gif()[:place], BAD, "GIF")
    for place in (12, 16, 20, 25):
        yield Case(f"webp cut at byte {place}", riff(vp8l_chunk())[:place], BAD, "WEBP")
    for place in (2, 10, 14, 18, 30, 54):
        yield Case(f"bmp cut at byte {place}", encoded(picture(32, 32), "BMP")[:place], BAD, "BMP")


def _strangers() -> list[tuple[str, bytes]]:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("a.txt", "a")
    return [
        ("zip", archive.getvalue()),
        ("html", b"<html><script>alert(1)</script>"),
        (
            "svg that names a file",
            b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
        ),
        ("postscript", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n"),
        ("pdf", b"%PDF-1.7"),
        ("avif", b"\0\0\0\x20ftypavif" + bytes(20)),
        ("wave", b"RIFF\x24\0\0\0WAVEfmt "),
        ("ppm", b"P6 64 64 255\n" + bytes(12288)),
        ("png with a line end changed", PNG_SIGNATURE.replace(b"\r\n", b"\n") + bytes(64)),
        ("one byte", b"\xff"),
        ("zeros", bytes(1000)),
    ]


def polyglots() -> Iterator[Case]:
    """Sound pictures that are sound files of another kind too, or carry junk: answered as pictures."""
    script = b"*/=1;alert(1)/*"
    yield Case("jpeg and zip", plain_jpeg() + _strangers()[0][1])
    yield Case("png and html", plain_png(after=chunk(b"tEXt", b"x\0<script>alert(1)</script>")) + b"<html>")
    yield Case(
        "gif and script", plain_gif(before=b"\x21\xfe" + bytes([len(script)]) + script + b"\0") + script
    )
    yield Case(
        "jpeg with junk as ICC profile", plain_jpeg(segment(0xE2, b"ICC_PROFILE\0\1\1" + b"\xff" * 999))
    )
    yield Case("png with junk as ICC profile", plain_png(chunk(b"iCCP", b"a\0\0junk")))
    yield Case("png with junk as EXIF", plain_png(chunk(b"eXIf", b"\xff" * 999)))
    yield Case("png with wrong checksums of what is left out", plain_png(chunk(b"tEXt", b"a\0b", crc=1)))
    yield Case("jpeg with EXIF in a cycle", plain_jpeg(segment(0xE1, _cyclic_exif())))
    yield Case(
        "jpeg with a lying MPF", plain_jpeg(segment(0xE2, b"MPF\0II*\0\x08\0\0\0\xff\xff" + b"\xff" * 99))
    )
    yield Case(
        "jpeg with photoshop junk", plain_jpeg(segment(0xED, b"Photoshop 3.0\0" + b"8BIM\3\xed" * 200))
    )
    yield Case("jpeg and jpeg", plain_jpeg() + plain_jpeg())


def corpus() -> list[Case]:
    """All of them."""
    return [*bombs(), *work(), *broken(), *polyglots()]


def _cyclic_exif() -> bytes:
    entry = struct.pack("<HHII", 0x8769, 4, 1, 8)
    return b"Exif\0\0II*\0" + struct.pack("<IH", 8, 1) + entry + struct.pack("<I", 8)


def _gif_frame_at(left: int, top: int) -> bytes:
    data = plain_gif()
    start = data.index(b"\x2c", 13 + (3 << (data[10] & 7) + 1))
    return data[: start + 1] + struct.pack("<HH", left, top) + data[start + 5 :]


def _vp8l(width: int, height: int) -> bytes:
    bits = (width - 1) | (height - 1) << 14
    return webp_chunk(b"VP8L", b"\x2f" + struct.pack("<I", bits) + bytes(40))


def _jpeg_of_scans(count: int) -> bytes:
    data = plain_jpeg(progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * count + b"\xff\xd9"


def _jpeg_precision(bits: int) -> bytes:
    data = plain_jpeg()
    start = data.index(b"\xff\xc0")
    return data[: start + 4] + bytes([bits]) + data[start + 5 :]


def _jpeg_components(count: int) -> bytes:
    data = plain_jpeg()
    start = data.index(b"\xff\xc0")
    return data[: start + 9] + bytes([count]) + data[start + 10 :]


def _tiff_of_jpegs(jpeg: bytes, strips: int, rows: int = 48) -> bytes:
    """A TIFF 64 pixels wide with `strips` strips of `rows` rows, all of the same compressed bytes."""
    tags = tiff_tags(64, rows * strips, len(jpeg))
    places, lengths = [8] * strips, [len(jpeg)] * strips
    tags |= {259: (SHORT, 7), 262: (SHORT, 6), 273: (LONG, places), 278: (LONG, rows), 279: (LONG, lengths)}
    return tiff(tags, jpeg)


def _float_tiff() -> bytes:
    pixels = np.ones((32, 32), "<f4").tobytes()
    return tiff({**tiff_tags(32, 32, len(pixels), (32,)), 339: (SHORT, 3)}, pixels)
