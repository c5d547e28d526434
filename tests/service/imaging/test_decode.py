"""What bytes become: upright 8-bit RGB, or a refusal that says why."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from PIL import Image

from service.errors import EmptyBody, ImageTooLarge, ImageTooSmall, UndecodableImage, UnsupportedImage
from service.imaging.decode import decode, open_header
from tests.support.photographs import encoded, picture, png_header

LIMIT = 32_000_000


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "WEBP", "GIF", "JPEG"])
def test_every_format_gives_its_pixels(kind: str) -> None:
    pixels = picture(40, 60)
    lossless = {"WEBP": {"lossless": True}, "JPEG": {"quality": 98}}.get(kind, {})
    photograph = decode(encoded(pixels, kind, **lossless), LIMIT)
    assert (photograph.height, photograph.width, photograph.format) == (40, 60, kind)
    # JPEG rounds and subsamples colour; GIF keeps 256 colours of a smooth picture.
    tolerance = {"JPEG": 12, "GIF": 64}.get(kind, 0)
    assert np.abs(photograph.pixels.astype(int) - pixels).max() <= tolerance


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_orientation_turns_the_photograph_upright(kind: str, orientation: int) -> None:
    upright = Image.fromarray(picture(48, 80))
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(undo[orientation]) if orientation in undo else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(stored, kind, exif=exif)
    header, photograph = open_header(data, LIMIT), decode(data, LIMIT)
    assert (header.format, header.height, header.width) == (kind, 48, 80)
    assert (photograph.height, photograph.width) == photograph.pixels.shape[:2] == (48, 80)
    # Lossy formats move values by up to 25 here; a wrong turn moves them by far more on average.
    assert np.abs(photograph.pixels.astype(int) - np.asarray(upright)).mean() < 5


def test_colour_modes_become_rgb() -> None:
    pixels = picture(32, 32)
    grey = pixels[..., 0]
    rgb = Image.fromarray(pixels)
    assert (decode(encoded(Image.fromarray(grey)), LIMIT).pixels == grey[..., None]).all()
    assert (decode(encoded(Image.fromarray(grey > 127)), LIMIT).pixels == 255 * (grey > 127)[..., None]).all()
    palette = rgb.convert("P", palette=Image.Palette.ADAPTIVE)
    assert (decode(encoded(palette), LIMIT).pixels == np.asarray(palette.convert("RGB"))).all()
    cmyk = decode(encoded(rgb.convert("CMYK"), "JPEG", quality=98), LIMIT).pixels
    assert np.abs(cmyk.astype(int) - pixels).mean() < 4


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_keep_their_high_byte(kind: str) -> None:
    deep = np.linspace(0, 65535, 32 * 32).reshape(32, 32).astype(np.uint16)
    pixels = decode(encoded(Image.fromarray(deep), kind), LIMIT).pixels
    assert (pixels == (deep >> 8)[..., None]).all()


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_shows_white(mode: str) -> None:
    image = Image.new("RGBA", (32, 32), (200, 0, 0, 255))
    image.paste((0, 0, 0, 0), (0, 0, 16, 32))
    pixels = decode(encoded(image.convert(mode)), LIMIT).pixels
    assert (pixels[:, :16] == 255).all()
    assert (pixels[:, 16:] != 255).any()


def test_an_animation_gives_its_first_frame() -> None:
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert (decode(data, LIMIT).pixels == (255, 0, 0)).all()


def test_a_large_jpeg_may_be_decoded_smaller() -> None:
    photograph = decode(encoded(picture(1200, 1600), "JPEG"), LIMIT, enough_pixels=307200)
    assert (photograph.height, photograph.width) == (1200, 1600)
    assert 307200 <= photograph.pixels.shape[0] * photograph.pixels.shape[1] < 1200 * 1600


@pytest.mark.parametrize("size", [(30000, 30000), (2**31 - 1, 2**31 - 1), (6000, 6000)])
def test_a_bomb_is_refused_by_its_header(size: tuple[int, int]) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(ImageTooLarge):
            decode(png_header(*size), LIMIT)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_limits_are_inclusive() -> None:
    data = encoded(picture(20, 30))
    assert decode(data, 600).width == 30
    with pytest.raises(ImageTooLarge, match="30 x 20 = 600 pixels; at most 599"):
        decode(data, 599)
    assert decode(encoded(picture(16, 16)), LIMIT).width == 16
    with pytest.raises(ImageTooSmall):
        decode(encoded(picture(15, 400)), LIMIT)


def test_what_is_no_image_is_refused() -> None:
    with pytest.raises(EmptyBody):
        decode(b"", LIMIT)
    for data in (b"hello", b"%PDF-1.7", b"RIFF\0\0\0\0WAVE", b"<svg/>"):
        with pytest.raises(UnsupportedImage, match="JPEG, PNG, GIF, TIFF, BMP, WEBP"):
            decode(data, LIMIT)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_truncated_images_are_refused(kind: str, share: float) -> None:
    data = encoded(picture(100, 100), kind)
    with pytest.raises((UndecodableImage, ImageTooSmall, UnsupportedImage)):
        decode(data[: int(share * len(data))], LIMIT)


def test_floating_point_images_are_refused() -> None:
    with pytest.raises(UndecodableImage, match="no defined white"):
        decode(encoded(Image.fromarray(np.ones((32, 32), np.float32)), "TIFF"), LIMIT)
