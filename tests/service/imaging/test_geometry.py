"""How photographs fit the network, and that maps lie where the half-pixel convention says."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.model_folder.geometry import (
    ResizePlan,
    Size,
    crop_to_needed,
    feed,
    plan_resize,
    plan_sampling,
    resample,
    resample_nearest,
    resample_vectors,
    unscale_metric,
    unscale_vectors,
)
from service.model_folder.labels import resample_labels, sample_axis
from tests.support.photographs import picture

sides = st.integers(16, 700)
sizes = st.sampled_from(["input", "model"])


@given(st.integers(16, 5000), st.integers(16, 5000), st.floats(0.05, 1))
def test_a_scale_makes_the_working_size_smaller(height: int, width: int, scale: float) -> None:
    full, part = plan_resize(height, width, 307200, 32), plan_resize(height, width, 307200, 32, scale)
    assert part.source == full.source
    # Both are rounded to whole pixels.
    assert all(abs(small - scale * large) <= 1 for small, large in zip(part.fed, full.fed, strict=True))
    assert part.pixels <= full.pixels


@given(st.integers(16, 5000), st.integers(16, 5000))
def test_the_plan_keeps_aspect_pads_to_multiples_and_never_enlarges(height: int, width: int) -> None:
    plan = plan_resize(height, width, 307200, 32)
    assert all(fed <= source for fed, source in zip(plan.fed, plan.source, strict=True))
    assert all(pad % 32 == 0 and 0 <= pad - fed < 32 for pad, fed in zip(plan.padded, plan.fed, strict=True))
    if height * width <= 307200:
        assert plan.fed == plan.source
    scales = [fed / source for fed, source in zip(plan.fed, plan.source, strict=True)]
    assert abs(scales[0] - scales[1]) <= 0.5 / height + 0.5 / width + 1e-9


@pytest.mark.parametrize(
    ("source", "fed", "padded"),
    [
        ((480, 640), (480, 640), (480, 640)),
        ((3024, 4032), (480, 640), (480, 640)),
        ((16, 16), (16, 16), (32, 32)),
        ((16, 4000), (16, 4000), (32, 4000)),
        ((1080, 1920), (416, 739), (416, 768)),
        # A thin strip is padded a lot, so its length is bounded: 9600 = 307200 / 32.
        ((16, 2_000_000), (1, 9600), (32, 9600)),
    ],
)
def test_examples(source: tuple[int, int], fed: tuple[int, int], padded: tuple[int, int]) -> None:
    assert plan_resize(*source, 307200, 32) == ResizePlan(source, fed, padded)


@pytest.mark.parametrize(
    ("source", "scale", "fed", "padded"),
    [
        ((480, 640), 0.6, (288, 384), (288, 384)),
        ((3024, 4032), 0.8, (384, 512), (384, 512)),
        ((97, 61), 0.6, (58, 37), (64, 64)),
        ((16, 16), 0.01, (1, 1), (32, 32)),
    ],
)
def test_examples_at_a_scale(
    source: tuple[int, int], scale: float, fed: tuple[int, int], padded: tuple[int, int]
) -> None:
    assert plan_resize(*source, 307200, 32, scale) == ResizePlan(source, fed, padded)


def test_padding_repeats_the_edge() -> None:
    pixels = picture(40, 50)
    padded = feed(pixels, plan_resize(40, 50, 307200, 32))
    assert padded.shape == (1, 64, 64, 3)
    assert (padded[0, :40, :50] == pixels).all()
    assert (padded[0, 40:, :50] == pixels[-1]).all()
    assert (padded[0, :, 50:] == padded[0, :, 49:50]).all()


def interpolate(values: np.ndarray, plan: ResizePlan, size: Size) -> np.ndarray:
    """Bilinear interpolation spelt out, in double precision."""
    sampling = plan_sampling(plan, size, 8)
    for axis in (0, 1):
        cells = values.shape[axis]
        sample = sample_axis(cells, sampling.target[axis], sampling.scale[axis])
        shape = [-1 if i == axis else 1 for i in range(values.ndim)]
        weight = sample.weight.astype(float).reshape(shape)
        upper = np.minimum(sample.low + 1, cells - 1)
        values = values.take(sample.low, axis) * (1 - weight) + values.take(upper, axis) * weight
    return values


@given(sides, sides, sizes, st.integers(0, 99))
def test_maps_follow_the_half_pixel_convention(height: int, width: int, size: Size, seed: int) -> None:
    plan = plan_resize(height, width, 60_000, 32)
    cells = (plan.padded[0] // 8, plan.padded[1] // 8)
    values = np.random.default_rng(seed).uniform(0, 10, cells).astype(np.float32)
    found = resample(values, plan_sampling(plan, size, 8))
    assert found.shape == plan.target(size)
    # Values up to 10 in single precision, twice rounded; positions up to 700 in single precision.
    np.testing.assert_allclose(found, interpolate(values, plan, size), atol=2e-3)


@given(sides, sides, sizes)
def test_nearest_pixels_are_those_of_the_output_that_they_lie_in(height: int, width: int, size: Size) -> None:
    plan = plan_resize(height, width, 60_000, 32)
    rows, columns = (side // 8 for side in plan.padded)
    cells = np.arange(rows * columns, dtype=np.float32).reshape(rows, columns)
    found = resample_nearest(cells, plan_sampling(plan, size, 8))
    assert found.shape == plan.target(size)
    if size == "model":
        whole = np.kron(cells, np.ones((8, 8), np.float32))
        assert (found == whole[: plan.fed[0], : plan.fed[1]]).all()
    # No pixel is taken from cells that saw only padding.
    last = ((plan.fed[0] - 1) // 8) * columns + (plan.fed[1] - 1) // 8
    assert (found[0, 0], found[-1, -1]) == (0, last)


@given(st.integers(16, 300), st.integers(16, 300), sizes, st.integers(0, 99))
def test_labels_are_the_argmax_of_interpolated_logits(height: int, width: int, size: Size, seed: int) -> None:
    plan = plan_resize(height, width, 30_000, 32)
    shape = (plan.padded[0] // 8, plan.padded[1] // 8, 12)
    logits = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    labels = resample_labels(logits, plan_sampling(plan, size, 8))
    assert labels.shape == plan.target(size)
    full = interpolate(logits, plan, size)
    won = np.take_along_axis(full, labels[..., None].astype(int), axis=2)[..., 0]
    # Where another label wins it may do so only by rounding.
    np.testing.assert_allclose(won, full.max(axis=2), atol=1e-4)


@pytest.mark.parametrize("smooth", [0, 3, 15])
def test_labels_equal_opencv_at_the_working_size(smooth: int) -> None:
    logits = np.random.default_rng(0).normal(size=(60, 80, 40)).astype(np.float32)
    if smooth:
        logits = np.asarray(cv2.GaussianBlur(logits, (0, 0), smooth))
    expected = cv2.resize(logits, (640, 480), interpolation=cv2.INTER_LINEAR).argmax(axis=2)
    found = resample_labels(logits, plan_sampling(plan_resize(480, 640, 307200, 32), "input", 8))
    # Two classes within rounding of each other may be told apart differently: one pixel in ten thousand.
    assert (found != expected).mean() < 1e-4


@given(st.integers(0, 999))
def test_ties_go_to_the_lower_label(seed: int) -> None:
    # Few whole values make ties between many classes common, and weights of 1/16 keep them exact.
    logits = np.random.default_rng(seed).integers(0, 3, (4, 4, 6)).astype(np.float32)
    found = resample_labels(logits, plan_sampling(plan_resize(32, 32, 307200, 32), "input", 8))
    expected = interpolate(logits, plan_resize(32, 32, 307200, 32), "input").argmax(axis=2)
    assert (found == expected).all()


def test_one_class_and_one_cell_need_no_neighbours() -> None:
    sampling = plan_sampling(ResizePlan((16, 16), (16, 16), (32, 32)), "input", 32)
    assert (resample_labels(np.zeros((1, 1, 1), np.float32), sampling) == 0).all()


def test_padding_never_shows() -> None:
    plan = plan_resize(40, 40, 307200, 32)
    values = np.ones((8, 8), np.float32)
    values[6:] = np.nan
    values[:, 6:] = np.nan
    sampling = plan_sampling(plan, "input", 8)
    # 40 pixels are 5 cells; the sixth takes part at the border, those beyond it saw padding only.
    assert crop_to_needed(values, sampling).shape == (6, 6)
    assert np.isfinite(resample(values, sampling)).all()


@given(sides, sides)
def test_normals_stay_of_unit_length(height: int, width: int) -> None:
    plan = plan_resize(height, width, 60_000, 32)
    rng = np.random.default_rng(height)
    normals = rng.normal(size=(plan.padded[0] // 8, plan.padded[1] // 8, 3)).astype(np.float32)
    normals[..., 2] = np.abs(normals[..., 2]) + 0.1
    found = resample_vectors(normals, plan_sampling(plan, "input", 8))
    np.testing.assert_allclose(np.linalg.norm(found, axis=2), 1, atol=1e-5)


@given(st.floats(0.3, 1.0), st.integers(0, 100))
def test_a_plane_seen_smaller_comes_back_as_it_was(scale: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    normal, along = rng.normal(size=(2, 3))
    along = np.cross(normal, along)
    # A smaller image shows the scene with z divided by the scale; a plane's normal stays square to it.
    shown = normal * [1, 1, scale]
    assert abs(shown @ (along / [1, 1, scale])) < 1e-9
    back = unscale_vectors(shown[None, None].astype(np.float32), scale)[0, 0]
    assert np.linalg.norm(np.cross(back, normal)) < 1e-5 * np.linalg.norm(back) * np.linalg.norm(normal)
    assert back @ normal > 0


def test_depth_seen_smaller_comes_back_as_it_was() -> None:
    np.testing.assert_allclose(unscale_metric(np.full((2, 2), 4.0, np.float32), 0.5), 2.0)
    whole = np.ones((2, 2), np.float32)
    assert unscale_metric(whole, 1.0) is whole
