"""Whole files give the picture that they hold, or a refusal that names their kind; never another picture."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from service.errors import UndecodableImage, UnsupportedImage
from service.imaging.decode import decode, open_header
from tests.support.images.building import LONG, SHORT, chunk, ihdr, plain_tiff, png, rows_of, tiff, tiff_tags
from tests.support.images.unusual import packed
from tests.support.photographs import encoded, picture

LIMIT = 1_000_000
FAULTS = Path(__file__).parents[1] / "faults"
PICTURE = picture(32, 32)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("tiled", [False, True])
@pytest.mark.parametrize(("bits", "samples"), [(8, 3), (16, 3), (16, 4), (8, 2), (16, 2)])
def test_a_tiff_of_planes_gives_its_picture_or_says_why_not(
    order: str, tiled: bool, bits: int, samples: int
) -> None:
    values = np.dstack([PICTURE, PICTURE[..., 0]])[..., :samples].astype(np.uint32)
    deep = (values * 257 if bits == 16 else values).astype(f"{order}u{bits // 8}")
    planes = deep.transpose(2, 0, 1)
    tags = {**tiff_tags(32, 32, 0, (bits,) * samples), 284: (SHORT, 2)}
    if samples in (2, 4):
        tags[338] = (SHORT, 2)
    if tiled:
        pieces = [plane[y : y + 16, x : x + 16] for plane in planes for y in (0, 16) for x in (0, 16)]
        tags = {number: tag for number, tag in tags.items() if number not in (273, 278, 279)}
        tags |= {322: (SHORT, 16), 323: (SHORT, 16)}
    else:
        pieces = list(planes)
    size = pieces[0].nbytes
    offsets = [8 + size * index for index in range(len(pieces))]
    tags |= {324 if tiled else 273: (LONG, offsets), 325 if tiled else 279: (LONG, [size] * len(pieces))}
    data = tiff(tags, b"".join(piece.tobytes() for piece in pieces), order)
    if (bits, samples) == (8, 3):
        assert (decode(data, LIMIT).pixels == PICTURE).all()
    else:
        with pytest.raises(UndecodableImage, match=r"This kind of TIFF is not read: .*(planar|alpha)"):
            decode(data, LIMIT)


def two_pictures(first: dict[int, Any], *, sub: bool, photometric: int = 2) -> bytes:
    """A TIFF of a 16x16 picture of zeros, and PICTURE as its sub-directory or its next page."""
    data = plain_tiff(t262=(SHORT, photometric))
    (place,) = struct.unpack_from("<I", data, 4)
    tags = {**tiff_tags(16, 16, 768), **first}
    # The small one is made to stand behind the large one: its offsets are written for that.
    pixels, shift = bytes(768), len(data)
    if sub:
        tags[330] = (LONG, place)
    tags[273] = (LONG, shift)
    return tiff(tags, data[8:] + pixels, following=0 if sub else place)


@pytest.mark.parametrize("sub", [False, True])
@pytest.mark.parametrize("mark", [{254: (LONG, 1)}, {255: (SHORT, 2)}])
def test_a_reduced_picture_in_front_is_not_the_picture(sub: bool, mark: dict[int, Any]) -> None:
    data = two_pictures(mark, sub=sub)
    assert (open_header(data, LIMIT).height, open_header(data, LIMIT).width) == (32, 32)
    assert (decode(data, LIMIT).pixels == PICTURE).all()


def test_a_larger_picture_below_the_first_is_the_picture() -> None:
    assert (decode(two_pictures({}, sub=True), LIMIT).pixels == PICTURE).all()


def test_the_first_page_of_a_document_is_the_picture() -> None:
    assert decode(two_pictures({}, sub=False), LIMIT).pixels.shape == (16, 16, 3)


def test_a_reduced_picture_alone_is_read() -> None:
    assert (decode(plain_tiff(t254=(LONG, 1)), LIMIT).pixels == PICTURE).all()


@pytest.mark.parametrize("photometric", [32803, 34892])
def test_camera_raw_is_named(photometric: int) -> None:
    for data in (
        (FAULTS / "dng_like.dng").read_bytes(),
        two_pictures({254: (LONG, 1)}, sub=True, photometric=photometric),
        plain_tiff(t262=(SHORT, photometric)),
        plain_tiff(t50706=(1, b"\1\4\0\0")),
    ):
        with pytest.raises(UnsupportedImage, match=r"raw data of a camera.*Develop"):
            decode(data, LIMIT)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("jpg_12bit", "JPEG is not read: it has 12 bits"),
        ("jpg_lossless", "JPEG is not read: it is a lossless JPEG"),
        ("tif16_la_le", "TIFF is not read: it is grey with alpha"),
        ("tif16_rgb_planar_le", "TIFF is not read: its channels of 16 bits lie apart"),
        ("tif_float", "TIFF is not read: values of 32 bits"),
        ("bmp_4444", "BMP is not read: Unsupported BMP bitfields"),
    ],
)
def test_a_whole_file_of_a_kind_that_is_not_read_is_not_called_damaged(name: str, words: str) -> None:
    with pytest.raises(UndecodableImage) as caught:
        decode((FAULTS / name).read_bytes(), LIMIT)
    assert words in caught.value.detail
    assert "corrupt" not in caught.value.detail


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_the_see_through_grey_of_a_png_is_white_at_every_depth(bits: int) -> None:
    values = (np.arange(1024).reshape(32, 32) % (1 << bits)).astype(np.uint8)
    data = png(ihdr(32, 32, bits, 0), rows_of(packed(values, bits)), chunk(b"tRNS", b"\0\1"))
    expected = np.where(values == 1, 255, values.astype(int) * (255 // ((1 << bits) - 1)))
    assert (decode(data, LIMIT).pixels == expected[..., None]).all()


def test_the_see_through_colour_of_a_png_of_16_bits_is_white() -> None:
    deep = np.random.default_rng(3).integers(0, 65536, (32, 32, 3)).astype(">u2")
    deep[4:9] = (1, 2, 3)
    data = png(ihdr(32, 32, 16, 2), rows_of(deep), chunk(b"tRNS", struct.pack(">HHH", 1, 2, 3)))
    expected = deep >> 8
    expected[4:9] = 255
    assert (decode(data, LIMIT).pixels == expected).all()


def test_an_orientation_that_only_xmp_has_is_not_applied() -> None:
    # As in browsers: the page and other programs show the picture the same way up as its maps.
    assert decode((FAULTS / "png_xmp_orientation").read_bytes(), LIMIT).pixels.shape == (96, 128, 3)


def test_a_canvas_outside_of_the_first_frame_is_white() -> None:
    frame = Image.new("RGBA", (64, 48), (0, 0, 0, 0))
    frame.paste((0, 0, 200, 255), (10, 20, 40, 44))
    later = Image.new("RGBA", (64, 48), (255, 0, 0, 255))
    data = encoded(frame, "WEBP", save_all=True, append_images=[later], lossless=True)
    pixels = decode(data, LIMIT).pixels
    assert (pixels[20:44, 10:40] == (0, 0, 200)).all()
    pixels[20:44, 10:40] = 255
    assert (pixels == 255).all()
    gif = (FAULTS / "gif_offset_frame").read_bytes()
    place = gif.index(b"\x2c", 13 + (3 << (gif[10] & 7) + 1))
    left, top, width, height = struct.unpack_from("<4H", gif, place + 1)
    pixels = decode(gif, LIMIT).pixels
    assert (pixels[top : top + height, left : left + width] != 255).any()
    pixels[top : top + height, left : left + width] = 255
    assert (pixels == 255).all()
