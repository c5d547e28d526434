"""A point's way to the network and back: scale, padding, the camera of a scaled image."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_export.evaluation.evaluate import of_scaled_camera
from model_export.evaluation.labels import interpolated_labels, upsampled_labels
from model_export.evaluation.points import Fit, Point
from service.model_folder import geometry
from service.model_folder.resize import ResizePlan

sides = st.integers(8, 90)
scales = st.floats(0.2, 1)


def test_a_point_is_written_and_read() -> None:
    assert Point.parse("0.7:0.6") == Point(0.7, 0.6)
    assert str(Point(0.7, 0.6)) == "0.7:0.6"


@pytest.mark.parametrize("text", ["1", "0:1", "1:0", "1.1:1", "1:2", "nan:1"])
def test_what_is_no_point_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\(0, 1\]|unpack"):
        Point.parse(text)


def test_nothing_is_done_to_an_image_that_fits() -> None:
    image = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    fit = Fit.of((64, 96), 1.0, 32)
    assert fit.feed(image) is image
    assert fit.extent(np.zeros((8, 12))) == (8, 12)


@settings(max_examples=50, deadline=None)
@given(sides, sides, scales, st.integers(0, 2**32 - 1))
def test_images_and_maps_go_the_way_that_they_go_in_the_service(height, width, scale, seed) -> None:
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (height, width, 3), np.uint8)
    fit = Fit.of((height, width), scale, 32)
    plan = ResizePlan(fit.source, fit.fed, fit.padded)
    assert np.array_equal(fit.feed(image)[None], geometry.feed(image, plan))
    output = rng.normal(size=(fit.padded[0] // 8, fit.padded[1] // 8, 3)).astype(np.float32)
    sampling = geometry.plan_sampling(plan, "input", 8)
    # The same scale comes from a quotient and from its inverse, which differ in the last bit.
    np.testing.assert_allclose(fit.resample(output), geometry.resample(output, sampling), atol=1e-5)


@settings(max_examples=50, deadline=None)
@given(sides, sides, scales, st.integers(0, 2**32 - 1))
def test_labels_are_the_argmax_of_interpolated_logits(height, width, scale, seed) -> None:
    fit = Fit.of((height, width), scale, 32)
    size = (fit.padded[0] // 8, fit.padded[1] // 8, 40)
    logits = np.random.default_rng(seed).normal(size=size).astype(np.float32)
    labels, expected = upsampled_labels(logits, fit), interpolated_labels(logits, fit)
    # Where two interpolated logits are level to float32's rounding, either may win.
    wide = np.sort(fit.resample(logits), -1)
    clear = wide[..., -1] - wide[..., -2] > 1e-4
    assert labels.shape == (height, width) and np.array_equal(labels[clear], expected[clear])


def test_a_smaller_image_s_depth_and_normals_are_brought_back_to_the_camera() -> None:
    """A slanted plane seen at half size looks twice as far away and steeper; both are undone."""
    normal = np.array([0.6, 0.0, 0.8])
    seen = normal * [1, 1, 0.5]
    depth, normals = of_scaled_camera(
        np.full((1, 1), 4.0, np.float32), (seen / np.linalg.norm(seen))[None, None].astype(np.float32), 0.5
    )
    assert depth == pytest.approx(2.0)
    assert normals[0, 0] / np.linalg.norm(normals) == pytest.approx(normal, abs=1e-6)
