"""Good but unusual images with the pixels that they must have, computed by no decoder."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.support.images.building import (
    LONG,
    SHORT,
    bmp,
    chunk,
    exif,
    ihdr,
    joined,
    plain_jpeg,
    plain_png,
    plain_tiff,
    png,
    riff,
    rows_of,
    segment,
    tiff,
    tiff_tags,
    vp8l_chunk,
    vp8x,
    webp_chunk,
)
from tests.support.photographs import encoded, picture

LIMIT = 32_000_000
SIDE = 32
PICTURE = picture(SIDE, SIDE)
GREY = PICTURE[..., 0]
DEEP = np.random.default_rng(1).integers(0, 65536, (SIDE, SIDE, 4)).astype(">u2")
INDEX = np.arange(SIDE * SIDE, dtype=np.uint8).reshape(SIDE, SIDE) % 16
COLOURS = np.random.default_rng(2).integers(0, 256, (16, 3)).astype(np.uint8)
ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))


@dataclass(frozen=True)
class Good:
    """A file and its pixels uint8 [H,W,3]; lossy formats may differ from them by `tolerance`."""

    name: str
    data: bytes
    pixels: NDArray[Any]
    tolerance: int = 0


def grey(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Three equal channels."""
    return np.repeat(values.astype(np.uint8)[..., None], 3, axis=2)


def over_white(colour: NDArray[Any], alpha: NDArray[Any]) -> NDArray[np.uint8]:
    """Colours [H,W,3] of opacity `alpha` [H,W], 0 to 255, over white."""
    opacity = alpha[..., None] / 255
    return np.rint(colour * opacity + 255 * (1 - opacity)).astype(np.uint8)


def packed(values: NDArray[np.uint8], bits: int) -> list[NDArray[np.uint8]]:
    """Rows of samples of `bits` bits, eight of them or fewer."""
    planes = np.unpackbits(values[..., None], axis=2)[..., 8 - bits :]
    return list(np.packbits(planes.reshape(len(values), -1), axis=1))


def pngs() -> Iterator[Good]:
    """Every colour type and depth."""
    for bits in (1, 2, 4):
        values = INDEX % (1 << bits)
        rows = rows_of(packed(values, bits))
        yield Good(
            f"png grey {bits}", png(ihdr(SIDE, SIDE, bits, 0), rows), grey(values * (255 // (2**bits - 1)))
        )
        palette = chunk(b"PLTE", COLOURS[: 1 << bits].tobytes())
        yield Good(f"png palette {bits}", png(ihdr(SIDE, SIDE, bits, 3), rows, palette), COLOURS[values])
    palette = chunk(b"PLTE", COLOURS.tobytes())
    alpha = np.arange(16, dtype=np.uint8) * 17
    see_through = png(ihdr(SIDE, SIDE, 8, 3), rows_of(INDEX), palette, chunk(b"tRNS", alpha.tobytes()))
    yield Good("png palette with alphas", see_through, over_white(COLOURS[INDEX], alpha[INDEX]), 1)
    one = chunk(b"tRNS", struct.pack(">H", 5))
    expected = np.where(INDEX == 5, 255, INDEX)
    yield Good("png grey, one see-through", png(ihdr(32, 32, 8, 0), rows_of(INDEX), one), grey(expected))
    rgb = PICTURE.copy()
    rgb[4:8] = (1, 2, 3)
    one = chunk(b"tRNS", struct.pack(">HHH", 1, 2, 3))
    expected = np.where((rgb == (1, 2, 3)).all(axis=2)[..., None], 255, rgb)
    yield Good("png RGB with one see-through colour", png(ihdr(32, 32), rows_of(rgb), one), expected)
    both = np.dstack([GREY, PICTURE[..., 1]])
    yield Good(
        "png grey and alpha", png(ihdr(32, 32, 8, 4), rows_of(both)), over_white(grey(GREY), both[..., 1]), 1
    )
    both = np.dstack([PICTURE, GREY])
    yield Good("png RGBA", png(ihdr(32, 32, 8, 6), rows_of(both)), over_white(PICTURE, GREY), 1)


def deep_pngs() -> Iterator[Good]:
    """Sixteen bits a sample: the high byte counts."""
    high = (DEEP >> 8).astype(np.uint8)
    yield Good("png grey 16", png(ihdr(32, 32, 16, 0), rows_of(DEEP[..., 0])), grey(high[..., 0]))
    yield Good("png RGB 16", png(ihdr(32, 32, 16, 2), rows_of(DEEP[..., :3])), high[..., :3])
    opaque = over_white(grey(high[..., 0]), high[..., 1])
    yield Good("png grey and alpha 16", png(ihdr(32, 32, 16, 4), rows_of(DEEP[..., :2])), opaque, 1)
    opaque = over_white(high[..., :3], high[..., 3])
    yield Good("png RGBA 16", png(ihdr(32, 32, 16, 6), rows_of(DEEP)), opaque, 1)
    values = DEEP[..., 0].copy()
    values[3:9] = 777
    one = chunk(b"tRNS", struct.pack(">H", 777))
    expected = np.where(values == 777, 255, values >> 8)
    yield Good("png grey 16, one see-through", png(ihdr(32, 32, 16, 0), rows_of(values), one), grey(expected))


def containers() -> Iterator[Good]:
    """Interlaced and animated files, metadata in odd places."""
    passes = b"".join(rows_of(PICTURE[top::down, left::right]) for top, left, down, right in ADAM7)
    yield Good("png interlaced", png(ihdr(32, 32, interlaced=1), passes), PICTURE)
    frames = [Image.fromarray(PICTURE), Image.new("RGB", (32, 32), "blue")]
    for kind, options in (("PNG", {}), ("WEBP", {"lossless": True}), ("TIFF", {})):
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
        yield Good(f"{kind} of two frames", data, PICTURE)
    red = [Image.new("RGB", (32, 32), colour) for colour in ("red", "blue")]
    data = encoded(red[0], "GIF", save_all=True, append_images=red[1:])
    yield Good("gif of two frames", data, np.broadcast_to(np.uint8([255, 0, 0]), (32, 32, 3)))
    turned = np.ascontiguousarray(np.rot90(PICTURE, -1))
    yield Good("png with EXIF behind its pixels", plain_png(after=chunk(b"eXIf", exif(6)[6:])), turned)
    webp = riff(vp8x(32, 32, 8), vp8l_chunk(), webp_chunk(b"EXIF", exif(6)))
    yield Good("webp with EXIF", webp, turned)
    yield Good(
        "webp with a profile of junk",
        riff(vp8x(32, 32, 32), webp_chunk(b"ICCP", b"x" * 99), vp8l_chunk()),
        PICTURE,
    )
    yield Good("gif on a larger canvas", *_gif_on_canvas())


def _gif_on_canvas() -> tuple[bytes, NDArray[np.uint8]]:
    image = Image.fromarray(INDEX)
    image.putpalette(COLOURS.tobytes())
    data = encoded(image, "GIF")
    canvas = data[:6] + struct.pack("<HH", 40, 48) + data[10:]
    pixels = np.full((48, 40, 3), 255, np.uint8)
    pixels[:32, :32] = COLOURS[INDEX]
    return canvas, pixels


def tiffs() -> Iterator[Good]:
    """Byte orders, compressions, layouts and depths."""
    image = Image.fromarray(PICTURE)
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "zstd"):
        yield Good(f"tiff {compression}", encoded(image, "TIFF", compression=compression), PICTURE)
    options = {"compression": "tiff_lzw", "tiffinfo": {317: 2}}
    yield Good("tiff with a predictor", encoded(image, "TIFF", **options), PICTURE)
    yield Good("tiff jpeg", encoded(image, "TIFF", compression="jpeg", quality=98), PICTURE, 12)
    black = GREY > 127
    bilevel = encoded(Image.fromarray(black), "TIFF", compression="packbits")
    yield Good("tiff black and white", bilevel, grey(255 * black))
    yield Good("tiff big-endian", plain_tiff(">"), PICTURE)
    for order in "<>":
        deep = DEEP[..., 0].astype(order + "u2")
        tags = tiff_tags(SIDE, SIDE, deep.nbytes, (16,))
        yield Good(f"tiff grey 16 {order}", tiff(tags, deep.tobytes(), order), grey(deep >> 8))
        inverted = {**tags, 262: (SHORT, 0)}
        if order == "<":  # Pillow knows no name for the other
            yield Good("tiff white is zero 16", tiff(inverted, deep.tobytes()), grey(255 - (deep >> 8)))
        rgb = DEEP[..., :3].astype(order + "u2")
        tags = tiff_tags(SIDE, SIDE, rgb.nbytes, (16, 16, 16))
        yield Good(f"tiff RGB 16 {order}", tiff(tags, rgb.tobytes(), order), rgb >> 8)
    tags = {**tiff_tags(SIDE, SIDE, GREY.nbytes, (8,)), 262: (SHORT, 0)}
    yield Good("tiff white is zero", tiff(tags, np.ascontiguousarray(GREY).tobytes()), grey(255 - GREY))
    planes = np.ascontiguousarray(PICTURE.transpose(2, 0, 1)).tobytes()
    apart = {284: (SHORT, 2), 273: (LONG, [8, 1032, 2056]), 279: (LONG, [1024] * 3)}
    yield Good("tiff of planes", tiff({**tiff_tags(32, 32, 3072), **apart}, planes), PICTURE)
    tiles = [PICTURE[y : y + 16, x : x + 16].tobytes() for y in (0, 16) for x in (0, 16)]
    tags = {n: tag for n, tag in tiff_tags(32, 32, 3072).items() if n not in (273, 278, 279)}
    places = {322: (SHORT, 16), 323: (SHORT, 16), 324: (LONG, [8, 776, 1544, 2312]), 325: (LONG, [768] * 4)}
    yield Good("tiff of tiles", tiff({**tags, **places}, b"".join(tiles)), PICTURE)
    yield Good("tiff turned", plain_tiff(t274=(SHORT, 8)), np.rot90(PICTURE))
    yield Good("tiff of 12 bits", *_tiff_of_12_bits())
    inks = np.dstack([PICTURE, GREY // 2])
    tags = {**tiff_tags(SIDE, SIDE, inks.nbytes, (8, 8, 8, 8)), 262: (SHORT, 5)}
    light = (255 - inks.astype(int)) / 255
    yield Good("tiff CMYK", tiff(tags, inks.tobytes()), np.rint(255 * light[..., :3] * light[..., 3:]), 2)


def _tiff_of_12_bits() -> tuple[bytes, NDArray[Any]]:
    values = (DEEP[..., 0] >> 4).astype(int)
    bits = (values[..., None] >> np.arange(11, -1, -1)) & 1
    pixels = np.packbits(bits.reshape(SIDE, -1).astype(np.uint8), axis=1).tobytes()
    return tiff(tiff_tags(SIDE, SIDE, len(pixels), (12,)), pixels), grey(values >> 4)


def bmps() -> Iterator[Good]:
    """Directions, depths and both headers."""
    bgr = np.ascontiguousarray(PICTURE[..., ::-1])
    yield Good("bmp upwards", bmp(32, 32, pixels=bgr[::-1].tobytes()), PICTURE)
    yield Good("bmp downwards", bmp(32, -32, pixels=bgr.tobytes()), PICTURE)
    filled = np.dstack([bgr, np.zeros_like(GREY)])[::-1]
    yield Good("bmp of 32 bits", bmp(32, 32, 32, pixels=filled.tobytes()), PICTURE)
    fifths = (PICTURE >> 3).astype("<u2")
    words = fifths[..., 0] << 10 | fifths[..., 1] << 5 | fifths[..., 2]
    yield Good("bmp of 15 bits", bmp(32, 32, 16, pixels=words[::-1].tobytes()), PICTURE & 0xF8, 7)
    os2 = b"BM" + struct.pack("<IHHI", 26 + bgr.nbytes, 0, 0, 26) + struct.pack("<IHHHH", 12, 32, 32, 1, 24)
    yield Good("bmp of OS/2", os2 + bgr[::-1].tobytes(), PICTURE)


def jpegs() -> Iterator[Good]:
    """Colour spaces, scans and metadata."""
    upright = picture(48, 64)
    for name, options in {
        "progressive": {"progressive": True},
        "with restarts": {"restart_marker_blocks": 2},
        "of RGB": {"keep_rgb": True},
        "without subsampling": {"subsampling": 0},
    }.items():
        yield Good(f"jpeg {name}", plain_jpeg(quality=98, **options), upright, 12)
    ink = Image.new("CMYK", (64, 48), (40, 80, 120, 30))
    light = [(255 - value) * (255 - 30) / 255 for value in (40, 80, 120)]
    flat = np.broadcast_to(np.rint(light), (48, 64, 3))
    yield Good("jpeg CMYK of Adobe", encoded(ink, "JPEG", quality=98), flat, 3)
    # Y 100, Cb and Cr 128, K 200 as stored: grey 100 / 255 of light under a black that lets 200 / 255 pass.
    ycck = encoded(Image.new("CMYK", (64, 48), (155, 127, 127, 55)), "JPEG", quality=98)
    place = ycck.index(b"Adobe") + 11
    ycck = ycck[:place] + b"\2" + ycck[place + 1 :]
    yield Good("jpeg YCCK of Adobe", ycck, np.full((48, 64, 3), round((255 - 100) * 200 / 255)), 3)
    for value in (0, 9, 65535):
        yield Good(f"jpeg of orientation {value}", plain_jpeg(segment(0xE1, exif(value))), upright, 40)
    turned = np.rot90(upright, -1)
    for name, block in {
        "of four bytes": exif(6, LONG),
        "big-endian": exif(6, order=">"),
        "and another": joined(exif(6), segment(0xE1, exif(3))[2:]),
    }.items():
        yield Good(f"jpeg with orientation {name}", plain_jpeg(segment(0xE1, block)), turned, 40)
    yield Good("jpeg with orientations twice", plain_jpeg(segment(0xE1, exif(6, count=2))), upright, 40)
    yield Good("jpeg with fill bytes", plain_jpeg(b"\xff" * 9), upright, 40)


def extremes() -> Iterator[Good]:
    """The smallest sides and the longest."""
    for height, width in ((16, 16), (16, 20000), (20000, 16), (17, 1999)):
        yield Good(f"png {width}x{height}", encoded(picture(height, width)), picture(height, width))
    long = picture(16, 65500)
    yield Good("jpeg 65500x16", encoded(long, "JPEG", quality=98, subsampling=0), long, 8)


GOOD = [*pngs(), *deep_pngs(), *containers(), *tiffs(), *bmps(), *jpegs(), *extremes()]
