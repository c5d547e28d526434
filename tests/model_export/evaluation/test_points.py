"""A point's way to the network and back: scale, padding, the camera of a scaled image."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_export.evaluation.full_size import full_size, upsampled_labels
from model_export.evaluation.points import Point
from service.model_folder.geometry import plan_sampling, plan_scaled, resample

sides = st.integers(8, 90)
scales = st.floats(0.2, 1)


def test_a_point_is_written_and_read() -> None:
    assert Point.parse("0.7:0.6") == Point(0.7, 0.6)
    assert str(Point(0.7, 0.6)) == "0.7:0.6"


@pytest.mark.parametrize("text", ["1", "0:1", "1:0", "1.1:1", "1:2", "nan:1"])
def test_what_is_no_point_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\(0, 1\]|unpack"):
        Point.parse(text)


@settings(max_examples=50, deadline=None)
@given(sides, sides, scales, st.integers(0, 2**32 - 1))
def test_labels_are_the_argmax_of_interpolated_logits(height, width, scale, seed) -> None:
    plan = plan_scaled(height, width, 32, scale)
    size, sampling = (plan.padded[0] // 8, plan.padded[1] // 8, 40), plan_sampling(plan, "input", 8)
    logits = np.random.default_rng(seed).normal(size=size).astype(np.float32)
    labels, wide = upsampled_labels(logits, sampling), resample(logits, sampling)
    # Where two interpolated logits are level to float32's rounding, either may win.
    most = np.sort(wide, -1)
    clear = most[..., -1] - most[..., -2] > 1e-4
    assert labels.shape == (height, width) and np.array_equal(labels[clear], wide.argmax(-1)[clear])


def test_a_smaller_image_s_depth_and_normals_are_brought_back_to_the_camera() -> None:
    """A slanted plane seen at half size looks twice as far away and steeper; both are undone."""
    normal = np.array([0.6, 0.0, 0.8])
    seen = normal * [1, 1, 0.5]
    outputs = {"depth": np.full((4, 4), 4.0, np.float32), "normals": np.empty((4, 4, 3), np.float32)}
    outputs["normals"][:] = seen / np.linalg.norm(seen)
    maps = full_size(outputs, plan_scaled(64, 64, 32, 0.5), 0.5)
    assert maps["depth"].shape == (64, 64) and maps["depth"] == pytest.approx(2.0)
    assert maps["normals"][0, 0] / np.linalg.norm(maps["normals"][0, 0]) == pytest.approx(normal, abs=1e-6)
