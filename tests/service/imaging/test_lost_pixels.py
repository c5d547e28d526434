"""Files that have lost a part of their pixels are refused; a lost end marker is no loss."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from service.errors import UndecodableImage
from service.imaging.decode import decode
from tests.support.images.building import ihdr, png, rows_of
from tests.support.images.unusual import ADAM7
from tests.support.photographs import encoded, picture

LIMIT = 1_000_000
FAULTS = Path(__file__).parents[1] / "faults"
PICTURE = picture(160, 240)
EOI = b"\xff\xd9"
KINDS: dict[str, dict[str, Any]] = {
    "baseline": {},
    "grey": {},
    "CMYK": {},
    "baseline with restarts": {"restart_marker_rows": 1},
    "progressive": {"progressive": True},
    "progressive with restarts": {"progressive": True, "restart_marker_blocks": 5},
}


def jpeg(name: str) -> bytes:
    mode = {"grey": "L", "CMYK": "CMYK"}.get(name, "RGB")
    return encoded(Image.fromarray(PICTURE).convert(mode), "JPEG", quality=90, **KINDS[name])


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("enough", [None, 60 * 40])
def test_a_jpeg_without_an_end_marker_has_all_its_pixels(name: str, enough: int | None) -> None:
    data = jpeg(name)
    assert data.endswith(EOI)
    assert (decode(data[:-2], LIMIT, enough).pixels == decode(data, LIMIT, enough).pixels).all()


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("share", [0.35, 0.5, 0.7, 0.9, 0.97])
@pytest.mark.parametrize("end", [b"", EOI, EOI + bytes(5000), b"\xff\xfe\0\4ab" + EOI])
def test_a_jpeg_cut_short_is_refused_whatever_follows(name: str, share: float, end: bytes) -> None:
    data = jpeg(name)
    start = data.index(b"\xff\xda")
    cut = data[: start + int(share * (len(data) - start))].rstrip(b"\xff")
    with pytest.raises(UndecodableImage, match="truncated or corrupt"):
        decode(cut + end, LIMIT)


@pytest.mark.parametrize("name", [name for name in KINDS if "restarts" in name])
@pytest.mark.parametrize("count", [1, 3, 8])
def test_a_jpeg_that_lost_restart_intervals_is_refused(name: str, count: int) -> None:
    data = jpeg(name)
    places = [i for i in range(len(data) - 1) if data[i] == 0xFF and 0xD0 <= data[i + 1] <= 0xD7]
    with pytest.raises(UndecodableImage, match="truncated or corrupt"):
        decode(data[: places[0]] + data[places[count] :], LIMIT)
    # The bytes of one interval are gone, its marker is there.
    with pytest.raises(UndecodableImage, match="end early"):
        decode(data[: places[0] + 2] + data[places[1] :], LIMIT)


def test_a_progressive_jpeg_without_its_last_scans_is_refused() -> None:
    data = jpeg("progressive")
    places = [i for i in range(len(data) - 1) if data[i : i + 2] == b"\xff\xda"]
    for place in places[1:]:
        with pytest.raises(UndecodableImage, match="last scans are missing"):
            decode(data[:place] + EOI, LIMIT)


@pytest.mark.parametrize("interlaced", [False, True])
def test_a_png_whose_compressed_pixels_end_early_is_refused(interlaced: bool) -> None:
    black = np.zeros((64, 48, 3), np.uint8)
    places = ADAM7 if interlaced else ((0, 0, 1, 1),)
    rows = b"".join(rows_of(black[top::down, left::right]) for top, left, down, right in places)
    header = ihdr(48, 64, interlaced=int(interlaced))
    assert (decode(png(header, rows), LIMIT).pixels == 0).all()
    for kept in (len(rows) // 2, len(rows) - 1):
        with pytest.raises(UndecodableImage, match="truncated or corrupt"):
            decode(png(header, rows[:kept]), LIMIT)


def test_a_tiff_whose_jpeg_strip_lost_its_end_is_refused() -> None:
    data = encoded(PICTURE, "TIFF", compression="jpeg")
    start = data.index(b"\xff\xda") + 200
    stop = data.index(EOI, start)
    damaged = data[:start] + EOI + bytes(stop - start) + data[stop + 2 :]
    with pytest.raises(UndecodableImage, match="end early"):
        decode(damaged, LIMIT)


@pytest.mark.parametrize("name", ["jpg_half_eoi", "jpg_lost_restart"])
def test_files_in_which_half_is_missing(name: str) -> None:
    with pytest.raises(UndecodableImage, match="truncated or corrupt"):
        decode((FAULTS / name).read_bytes(), LIMIT)


def test_a_whole_file_without_an_end_marker() -> None:
    data = (FAULTS / "jpg_no_eoi").read_bytes()
    whole = (FAULTS / "png_xmp_orientation").read_bytes()
    # The same picture, once compressed with losses.
    assert np.abs(decode(data, LIMIT).pixels.astype(int) - decode(whole, LIMIT).pixels).mean() < 8


@pytest.mark.parametrize(
    ("marker", "precision", "words"),
    [(0xC1, 12, "12 bits"), (0xC3, 8, "lossless"), (0xC9, 8, "arithmetic"), (0xC5, 8, "hierarchical")],
)
def test_a_kind_of_jpeg_that_is_not_read_is_not_called_damaged(
    marker: int, precision: int, words: str
) -> None:
    data = jpeg("baseline")
    start = data.index(b"\xff\xc0")
    data = (
        data[: start + 1]
        + struct.pack("B", marker)
        + data[start + 2 : start + 4]
        + bytes([precision])
        + data[start + 5 :]
    )
    with pytest.raises(UndecodableImage, match=f"kind of JPEG is not read: .*{words}"):
        decode(data, LIMIT)
