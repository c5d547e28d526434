"""BMP: sizes of both header generations; there is nothing to leave out."""

from __future__ import annotations

from service.imaging.formats.still import Malformed, Still, Unread, unpack

OS2_HEADER = 12
RLE = (1, 2)


def read(data: bytes) -> Still:
    """Picture of the BMP file `data`; a negative height only says that rows go down."""
    (header,) = unpack("<I", data, 14)
    if header == OS2_HEADER:
        width, height = unpack("<HH", data, 18)
        return Still(height, width, 1, (data,))
    width, height, compression = unpack("<ii4xI", data, 18)
    if width < 0:
        raise Malformed("its width is negative")
    if compression in RLE:
        # Pillow expands runs in Python: seconds for a file of a few MB.
        raise Unread("it is run-length compressed; save it uncompressed, or as PNG")
    return Still(abs(height), width, 1, (data,))
