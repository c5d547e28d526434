"""Good but unusual images are read right: against pixels computed here, by no decoder."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pytest
from PIL import Image

from service.imaging.decode import decode, open_header
from tests.support.images.building import (
    chunk,
    ihdr,
    plain_gif,
    png,
    rows_of,
)
from tests.support.images.unusual import COLOURS, DEEP, GOOD, INDEX, LIMIT, Good
from tests.support.photographs import encoded, picture


@pytest.mark.parametrize("good", GOOD, ids=lambda good: good.name)
def test_an_unusual_image_is_read_right(good: Good) -> None:
    header, photograph = open_header(good.data, LIMIT), decode(good.data, LIMIT)
    assert (header.height, header.width) == good.pixels.shape[:2]
    assert photograph.pixels.shape == good.pixels.shape
    assert photograph.pixels.dtype == np.uint8
    assert np.abs(photograph.pixels.astype(int) - good.pixels).max() <= good.tolerance


def test_a_deep_colour_png_with_one_see_through_colour_is_answered() -> None:
    data = png(ihdr(32, 32, 16, 2), rows_of(DEEP[..., :3]), chunk(b"tRNS", struct.pack(">HHH", 1, 2, 3)))
    assert (decode(data, LIMIT).pixels == (DEEP[..., :3] >> 8)).all()


def test_a_transparent_gif_shows_white() -> None:
    image = Image.fromarray(INDEX)
    image.putpalette(COLOURS.tobytes())
    pixels = decode(encoded(image, "GIF", transparency=3), LIMIT).pixels
    assert (pixels == np.where((INDEX == 3)[..., None], 255, COLOURS[INDEX])).all()


def test_a_frame_beyond_a_gif_canvas_widens_it() -> None:
    assert open_header(plain_gif((16, 16)), LIMIT).width == 32
    assert decode(plain_gif((16, 16)), LIMIT).pixels.shape == (32, 32, 3)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"subsampling": 1}])
@pytest.mark.parametrize("enough", [None, 100 * 150, 50 * 75, 25 * 38, 1])
def test_a_jpeg_has_the_pixels_that_pillow_gives_it(options: dict[str, Any], enough: int | None) -> None:
    data = encoded(picture(203, 301), "JPEG", **options)
    pixels = decode(data, LIMIT, enough).pixels
    with Image.open(io.BytesIO(data)) as image:
        factor = round(203 / pixels.shape[0])
        image.draft(None, (301 // factor, 203 // factor))
        # Two builds of the same library: a last bit may differ where their versions do.
        assert np.abs(np.asarray(image).astype(int) - pixels).max() <= 1
    assert pixels.shape[0] == 203 or (enough or 0) <= pixels.shape[0] * pixels.shape[1] < 203 * 301
