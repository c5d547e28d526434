"""That encoded maps read back as what their metadata says."""

from __future__ import annotations

import io

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from service.maps import fractions_png, ids_png, millimetres, millimetres_png, valid_metres, vectors_png
from service.routes.representations import overlay_png


def read(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def test_labels_are_grey_ids() -> None:
    labels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    image = read(ids_png(labels))
    assert image.mode == "L"
    assert (np.asarray(image) == labels).all()


def test_depth_follows_rep_118() -> None:
    depth = np.array([[1.2345, 0.0, -1.0, np.nan], [np.inf, 65.535, 65.536, 0.0004]], np.float32)
    expected = [[1234, 0, 0, 0], [0, 65535, 0, 0]]
    assert millimetres(depth).tolist() == expected
    image = read(millimetres_png(depth))
    assert image.mode == "I;16"
    assert np.asarray(image).tolist() == expected
    assert np.isnan(valid_metres(depth)).tolist() == [[False, True, True, True], [True, False, False, False]]


@given(st.floats(2**-9, 65, width=32))
def test_millimetres_are_rounded(metres: float) -> None:
    stored = millimetres(np.array([[metres]], np.float32))[0, 0]
    assert abs(float(stored) - 1000 * metres) <= 0.5 + 1e-2


def test_normals_keep_their_axes() -> None:
    normals = np.array([[[1, 0, 0], [0, -1, 0], [0, 0, 1]]], np.float32)
    image = read(vectors_png(normals))
    assert image.mode == "RGB"
    assert np.asarray(image).tolist() == [[[255, 128, 128], [128, 0, 128], [128, 128, 255]]]


def test_shares_are_stored_to_the_nearest_of_255() -> None:
    image = read(fractions_png(np.array([[0, 1, 0.5], [0.001, 0.002, 0.999]], np.float32)))
    assert image.mode == "L"
    assert np.asarray(image).tolist() == [[0, 255, 128], [0, 1, 255]]


def test_the_overlay_is_half_photograph_half_palette() -> None:
    photograph = np.full((2, 2, 3), 100, np.uint8)
    pixels = np.asarray(
        read(overlay_png(photograph, np.array([[0, 1], [1, 255]], np.uint8), [(200, 0, 0), (0, 0, 40)]))
    )
    assert pixels.tolist() == [[[150, 50, 50], [50, 50, 70]], [[50, 50, 70], [50, 50, 50]]]
