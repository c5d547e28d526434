"""Class shares are counted over labelled pixels, and no class is said never to occur."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model_export.data.class_shares import LEAST_SHARE, class_shares
from model_export.data.nyuv2 import NyuV2
from model_export.data.sample import VOID, Sample


def sample_of(labels: list[int]) -> Sample:
    row = np.array([labels], np.uint8)
    shape = row.shape
    image, depth = np.zeros((*shape, 3), np.uint8), np.zeros(shape, np.float32)
    return Sample(image, row, depth, False, np.zeros((*shape, 3), np.float32))


def test_pixels_are_counted_over_all_samples_without_void() -> None:
    shares = class_shares([sample_of([0, 0, 39, VOID]), sample_of([0, VOID, VOID, VOID])])
    assert shares.shape == (40,) and shares.dtype == np.float64
    assert (shares[0], shares[39]) == (0.75, 0.25)
    assert (shares[1:39] == LEAST_SHARE).all(), "their logarithm is finite"


def test_the_shares_of_a_data_set_sum_to_one(made_cache: Path) -> None:
    assert class_shares(NyuV2(made_cache, ["0001", "0003"])).sum() == pytest.approx(1)


def test_without_a_labelled_pixel_there_is_nothing_to_count() -> None:
    nothing = replace(sample_of([0]), labels=np.full((1, 1), VOID, np.uint8))
    with pytest.raises(ValueError, match="no labelled pixel"):
        class_shares([nothing])
