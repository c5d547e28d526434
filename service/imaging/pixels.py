"""Pixels of an opened image: decoded by OpenCV or Pillow, and brought to 8-bit RGB band by band."""

from __future__ import annotations

import io

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from service.imaging.formats import jpeg, png
from service.imaging.formats.still import Malformed, Still, Unread

# Named outright: Pillow's own choice by content would try, and import, dozens of others.
DECODERS: dict[str, type[ImageFile]] = {
    "JPEG": JpegImageFile,
    "PNG": PngImageFile,
    "GIF": GifImageFile,
    "TIFF": TiffImageFile,
    "BMP": BmpImageFile,
    "WEBP": WebPImageFile,
}
# Our own limit, kept before any decoder, stands in for Pillow's, which only warns up to 179 megapixels.
Image.MAX_IMAGE_PIXELS = None

# The factors by which libjpeg decodes smaller, as OpenCV's flags; the order of channels is a flag of its own.
REDUCED = {
    1: 0,
    2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
    4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
    8: cv2.IMREAD_REDUCED_GRAYSCALE_8,
}
BAND_PIXELS = 1 << 18
BITS_TAG, PHOTOMETRIC_TAG, WHITE_IS_ZERO = 258, 262, 0


def jpeg_pixels(still: Still, enough_pixels: int | None) -> NDArray[np.uint8] | None:
    """Stored pixels uint8 [h,w,3] of a grey or YCbCr JPEG, maybe reduced; None for what OpenCV leaves out.

    OpenCV and Pillow share libjpeg-turbo and give the same pixels, OpenCV without a detour over four
    bytes a pixel.
    """
    data = still.file()
    jpeg.check_scans(data, still.height, still.width)
    if not jpeg.is_plain(data):
        return None
    factor = _reduction(still, enough_pixels)
    flags = REDUCED[factor] | cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if pixels is None:
        raise Malformed("its pixels end early or make no sense")
    expected = (-(-still.height // factor), -(-still.width // factor), 3)
    if pixels.shape != expected:
        raise Malformed("its pixels are not of the size that its header says")
    return np.asarray(pixels, np.uint8)


def pillow_pixels(still: Still, name: str) -> NDArray[np.uint8]:
    """Stored pixels uint8 [h,w,3] of an image of the format `name`."""
    data = still.file()
    if name == "PNG":
        png.check_length(data, still.height, still.width)
    with DECODERS[name](io.BytesIO(data)) as image:
        if image.size != (still.width, still.height):
            raise Malformed("its pixels are not of the size that its header says")
        image.load()
        return _to_rgb(image)


def _reduction(still: Still, enough_pixels: int | None) -> int:
    factors = [factor for factor in REDUCED if still.height * still.width >= factor**2 * (enough_pixels or 0)]
    return max(factors, default=1) if enough_pixels else 1


def _to_rgb(image: Image.Image) -> NDArray[np.uint8]:
    if image.mode in ("F", "I"):
        raise Unread("values of 32 bits, signed or floating-point ones have no defined white")
    width, height = image.size
    pixels = np.empty((height, width, 3), np.uint8)
    convert = _deep_grey if image.mode.startswith("I;16") else _shallow
    transparent, rows = image.has_transparency_data, max(1, BAND_PIXELS // width)
    # Whole-image conversions would hold several copies of a large photograph at once.
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        pixels[top:bottom] = convert(image, image.crop((0, top, width, bottom)), transparent)
    return pixels


def _shallow(image: Image.Image, band: Image.Image, transparent: bool) -> NDArray[np.uint8]:
    if transparent:
        if band.mode == "La":
            band = band.convert("LA")
        band = band.convert("RGBA")
        band = Image.alpha_composite(Image.new("RGBA", band.size, "white"), band)
    return np.asarray(band if band.mode == "RGB" else band.convert("RGB"))


def _deep_grey(image: Image.Image, band: Image.Image, transparent: bool) -> NDArray[np.uint8]:
    """High byte of deep grey, which is what an 8-bit screen shows; Pillow would clip the values to 255."""
    values = np.asarray(band).astype(np.uint16)
    bits, inverted = 16, False
    if isinstance(image, TiffImageFile):
        bits = image.tag_v2.get(BITS_TAG, (16,))[0]
        inverted = image.tag_v2.get(PHOTOMETRIC_TAG) == WHITE_IS_ZERO
    grey = (values >> (bits - 8)).astype(np.uint8)
    if inverted:
        grey = 255 - grey
    if transparent:
        grey[values == image.info["transparency"]] = 255
    return np.repeat(grey[..., None], 3, axis=2)
