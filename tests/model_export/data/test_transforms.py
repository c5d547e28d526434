"""One geometric change for all: labels move with the image, depth and normals change as the geometry says."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_export.data.normals import Intrinsics, normals_from_depth
from model_export.data.sample import Sample
from model_export.data.transforms import (
    Augmentation,
    Photometric,
    Similarity,
    augment,
    draw_similarity,
    jitter,
    trim,
    warp,
)

HEIGHT, WIDTH, FOCAL = 240, 320, 300.0
CENTRE = ((WIDTH - 1) / 2, (HEIGHT - 1) / 2)
CAMERA = Intrinsics(FOCAL, FOCAL, *CENTRE)


def plane_sample(normal: npt.ArrayLike, distance: float = 2.0) -> Sample:
    """A plane seen by CAMERA; labels split the image at the middle column, the image repeats the label."""
    unit = (np.asarray(normal) / np.linalg.norm(normal)).astype(np.float32)
    v, u = np.mgrid[0:HEIGHT, 0:WIDTH]
    x, y = (u - CAMERA.cx) / FOCAL, (v - CAMERA.cy) / FOCAL
    inverse = (-unit[0] * x - unit[1] * y + unit[2]) / distance
    labels = (u >= WIDTH // 2).astype(np.uint8)
    return Sample(
        image=np.repeat(labels[..., None] * 200, 3, axis=2).astype(np.uint8),
        labels=labels,
        depth=(1 / inverse).astype(np.float32),
        depth_metric=True,
        normals=np.broadcast_to(unit, (HEIGHT, WIDTH, 3)).copy(),
    )


def random_sample(seed: int) -> Sample:
    rng = np.random.default_rng(seed)
    normals = rng.normal(size=(HEIGHT, WIDTH, 3)).astype(np.float32)
    return Sample(
        image=rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8),
        labels=rng.integers(0, 40, (HEIGHT, WIDTH), np.uint8),
        depth=rng.uniform(1, 5, (HEIGHT, WIDTH)).astype(np.float32),
        depth_metric=True,
        normals=normals / np.linalg.norm(normals, axis=-1, keepdims=True),
    )


def identity(flip: bool = False) -> Similarity:
    return Similarity(1.0, 0.0, flip, CENTRE, (HEIGHT, WIDTH))


def test_the_identity_changes_nothing() -> None:
    sample = random_sample(0)
    same = warp(sample, identity())
    assert np.array_equal(same.image, sample.image)
    assert np.array_equal(same.labels, sample.labels)
    assert np.array_equal(same.depth, sample.depth)
    assert np.allclose(same.normals, sample.normals, atol=1e-6)


def test_a_flip_mirrors_everything_and_negates_x_of_normals() -> None:
    sample = random_sample(1)
    flipped = warp(sample, identity(flip=True))
    assert np.array_equal(flipped.image, sample.image[:, ::-1])
    assert np.array_equal(flipped.labels, sample.labels[:, ::-1])
    assert np.array_equal(flipped.depth, sample.depth[:, ::-1])
    assert np.allclose(flipped.normals, sample.normals[:, ::-1] * [-1, 1, 1], atol=1e-6)


def test_a_right_angle_turns_image_and_normals_the_same_way() -> None:
    # Positive angles carry x (right) to y (down): what was at the right end lies at the bottom.
    sample = plane_sample((0.5, 0, 1))
    turned = warp(sample, Similarity(1.0, np.pi / 2, False, CENTRE, (WIDTH, HEIGHT)))
    assert turned.labels[10, 100] == 0 and turned.labels[-10, 100] == 1
    unit = np.array([0, 0.5, 1]) / np.hypot(0.5, 1)
    assert np.allclose(turned.normals[100, 100], unit, atol=1e-6)


@settings(max_examples=10, deadline=None)
@given(
    st.builds(
        Similarity,
        scale=st.floats(0.6, 1.7),
        angle=st.floats(-0.2, 0.2),
        flip=st.booleans(),
        centre=st.tuples(st.floats(140, 180), st.floats(100, 140)),
        crop=st.just((200, 260)),
    ),
    st.tuples(st.floats(-0.6, 0.6), st.floats(-0.6, 0.6), st.just(1.0)),
)
def test_transformed_normals_are_the_normals_of_the_transformed_depth(
    similarity: Similarity, normal: tuple[float, float, float]
) -> None:
    warped = warp(plane_sample(normal), similarity)
    axis = similarity.matrix @ [CAMERA.cx, CAMERA.cy, 1]
    seen_by = Intrinsics(FOCAL, FOCAL, float(axis[0]), float(axis[1]))
    fitted, mask = normals_from_depth(warped.depth, warped.depth > 0, 0.005, seen_by, frame=6)
    assert mask.sum() > 5000
    cosine = (fitted * warped.normals).sum(-1)[mask & (np.abs(warped.normals).max(-1) > 0)]
    # Nearest sampling moves depth by up to half a pixel: fits of steep planes differ by tenths of a degree.
    assert np.degrees(np.arccos(np.clip(cosine, -1, 1))).mean() < 1


@settings(max_examples=25, deadline=None)
@given(st.floats(0.6, 1.7))
def test_zoom_brings_nearer(scale: float) -> None:
    warped = warp(plane_sample((0, 0, 1)), Similarity(scale, 0.0, False, CENTRE, (100, 120)))
    assert np.allclose(warped.depth, 2.0 / scale, rtol=1e-5)
    assert np.allclose(warped.normals, [0, 0, 1], atol=1e-6)


def test_outside_the_source_is_void_invalid_and_grey() -> None:
    small = warp(random_sample(2), Similarity(0.5, 0.0, False, CENTRE, (HEIGHT, WIDTH)))
    corner = (slice(0, 50), slice(0, 70))
    assert (small.labels[corner] == 255).all()
    assert (small.image[corner] == 127).all()
    assert not small.depth[corner].any() and not small.normals[corner].any()
    assert (small.labels[70:170, 100:220] < 40).all()


def test_invalid_targets_stay_invalid_and_do_not_bleed() -> None:
    sample = plane_sample((0.2, 0.1, 1))
    sample.depth[100:140, 100:140] = 0
    sample.normals[100:140, 100:140] = 0
    warped = warp(sample, Similarity(1.3, 0.1, True, CENTRE, (HEIGHT, WIDTH)))
    known = warped.depth > 0
    assert warped.depth[known].min() > 0.5
    assert np.array_equal(known, np.abs(warped.normals).max(-1) > 0)
    assert 1000 < np.count_nonzero(~known) < 1.3**2 * 1600 * 1.2


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_augment_depends_on_the_generator_alone_and_keeps_its_promises(seed: int) -> None:
    sample, options = random_sample(3), Augmentation(crop=(96, 128))
    once, again = (augment(sample, options, np.random.default_rng(seed)) for _ in range(2))
    for name in ("image", "labels", "depth", "normals"):
        assert np.array_equal(getattr(once, name), getattr(again, name))
    assert once.image.shape == (96, 128, 3) and once.image.dtype == np.uint8
    assert once.labels.shape == once.depth.shape == (96, 128) and once.labels.dtype == np.uint8
    assert once.depth.dtype == once.normals.dtype == np.float32
    lengths = np.linalg.norm(once.normals, axis=-1)
    assert np.all((np.abs(lengths - 1) < 1e-5) | (lengths == 0))
    assert set(np.unique(once.labels)) <= {*range(40), 255}


@given(st.integers(0, 2**32 - 1))
def test_without_rotation_the_crop_lies_in_the_image_where_it_fits(seed: int) -> None:
    options = Augmentation(crop=(96, 128), rotation=0, scale=(0.6, 1.7))
    drawn = draw_similarity((HEIGHT, WIDTH), options, np.random.default_rng(seed))
    corners = np.array([[-0.5, -0.5], [127.5, 95.5]]) - drawn.matrix[:, 2]
    source = corners @ np.linalg.inv(drawn.matrix[:, :2]).T
    assert 0.6 <= drawn.scale <= 1.7
    assert source.min() >= -0.5 - 1e-9
    assert (source.max(0) <= [WIDTH - 0.5 + 1e-9, HEIGHT - 0.5 + 1e-9]).all()


def test_trim_cuts_the_blank_frame() -> None:
    sample = random_sample(4)
    assert np.array_equal(trim(sample, 10).labels, sample.labels[10:-10, 10:-10])
    assert trim(sample, 0) is sample


def test_jitter_of_nothing_is_the_identity_and_greys_stay_grey() -> None:
    image = random_sample(5).image
    nothing = Photometric(0, 0, 0, 0, 0, 0)
    difference = jitter(image, nothing, np.random.default_rng(0)).astype(int) - image
    assert np.abs(difference).max() <= 1
    grey = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    changed = jitter(grey, Photometric(gains=0), np.random.default_rng(1)).astype(int)
    assert np.ptp(changed, axis=2).max() <= 1
    assert (np.diff(changed[0, :, 0]) >= 0).all()


def test_photometric_change_leaves_targets_and_place_alone() -> None:
    sample = random_sample(6)
    plain = augment(sample, Augmentation(crop=(96, 128), photometric=None), np.random.default_rng(7))
    toned = augment(sample, Augmentation(crop=(96, 128)), np.random.default_rng(7))
    assert np.array_equal(plain.labels, toned.labels)
    assert np.array_equal(plain.depth, toned.depth)
    assert not np.array_equal(plain.image, toned.image)


@pytest.mark.parametrize("angle", [-0.17, 0.0, 0.17])
def test_image_and_labels_stay_on_one_grid(angle: float) -> None:
    warped = warp(plane_sample((0, 0, 1)), Similarity(1.4, angle, False, CENTRE, (HEIGHT, WIDTH)))
    known = warped.labels != 255
    image = warped.image[..., 0] > 100
    assert (image == (warped.labels == 1))[known].mean() > 0.995
