"""Metrics on cases that can be checked by hand, and against their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_export.evaluation.metrics import (
    DepthMetrics,
    NormalMetrics,
    SemanticMetrics,
    iou_per_class,
    merge_classes,
)


def test_iou_by_hand() -> None:
    metrics = SemanticMetrics(3)
    metrics.update(np.array([0, 0, 1, 1, 1, 2]), np.array([0, 0, 0, 1, 1, 255]))
    # Class 0: 2 hits of 3, none false: 2/3. Class 1: 2 hits, 1 false: 2/3. Class 2: only predicted on void.
    assert metrics.result() == pytest.approx({"miou3": 2 / 3, "pixel_accuracy": 4 / 5})


def test_classes_absent_from_the_truth_are_left_out_of_the_mean_but_their_false_hits_cost() -> None:
    metrics = SemanticMetrics(3)
    metrics.update(np.array([[0, 2]]), np.array([[0, 0]]))
    assert metrics.result()["miou3"] == pytest.approx(0.5)
    assert np.isnan(iou_per_class(metrics.confusion)[1:]).all()


def test_nothing_labelled_gives_nan() -> None:
    metrics = SemanticMetrics(2)
    metrics.update(np.zeros((2, 2), np.uint8), np.full((2, 2), 255, np.uint8))
    assert all(math.isnan(value) for value in metrics.result().values())


def test_ids_out_of_range_and_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"beyond 0\.\.1"):
        SemanticMetrics(2).update(np.array([2]), np.array([0]))
    with pytest.raises(ValueError, match=r"beyond 0\.\.1"):
        SemanticMetrics(2).update(np.array([-1]), np.array([1]))
    with pytest.raises(ValueError, match="differ in shape"):
        SemanticMetrics(2).update(np.zeros(2, np.uint8), np.zeros(3, np.uint8))
    with pytest.raises(ValueError, match="differ in shape"):
        DepthMetrics().update(np.ones((2, 2)), np.ones((2, 3)), True)
    with pytest.raises(ValueError, match="differ in shape"):
        NormalMetrics().update(np.ones((2, 3)), np.ones((3, 3)))


@given(st.integers(0, 2**32 - 1))
def test_merged_confusion_is_the_confusion_of_merged_labels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mapping = np.array([1, 0, 1, 2, 0])
    truth, prediction = rng.integers(0, 5, (2, 50))
    fine, coarse = SemanticMetrics(5, {"coarse": mapping.tolist()}), SemanticMetrics(3)
    fine.update(prediction, truth)
    coarse.update(mapping[prediction], mapping[truth])
    assert np.array_equal(merge_classes(fine.confusion, mapping.tolist(), 3), coarse.confusion)
    assert fine.result()["coarse"] == pytest.approx(coarse.result()["miou3"])


@given(st.integers(0, 2**32 - 1), st.integers(1, 19))
def test_updates_by_parts_equal_one_update(seed: int, cut: int) -> None:
    rng = np.random.default_rng(seed)
    truth, prediction = rng.integers(0, 4, (2, 20))
    whole, parts = SemanticMetrics(4), SemanticMetrics(4)
    whole.update(prediction, truth)
    parts.update(prediction[:cut], truth[:cut])
    parts.update(prediction[cut:], truth[cut:])
    assert np.array_equal(whole.confusion, parts.confusion)


def test_depth_by_hand() -> None:
    metrics = DepthMetrics()
    metrics.update(np.array([[1.0, 2.4, 4.0, 9.0]]), np.array([[1.0, 2.0, 2.0, 0.0]]), metric=True)
    result = metrics.result()
    # Ratios 1, 1.2, 2 against 1.25, 1.5625, 1.953; the fourth pixel is invalid.
    assert result["delta1"] == result["delta2"] == result["delta3"] == pytest.approx(2 / 3)
    assert result["rmse"] == pytest.approx(math.sqrt((0.16 + 4) / 3))
    assert result["abs_rel"] == pytest.approx((0.2 + 1) / 3)


@given(st.floats(0.1, 10))
def test_alignment_forgives_one_factor_and_plain_figures_do_not(factor: float) -> None:
    truth = np.linspace(1, 4, 30).reshape(5, 6)
    metrics = DepthMetrics()
    metrics.update(truth * factor, truth, metric=True)
    result = metrics.result()
    assert result["delta1_aligned"] == 1
    assert result["rmse_aligned"] == pytest.approx(0, abs=1e-9)
    assert result["abs_rel"] == pytest.approx(abs(factor - 1))


def test_images_without_a_trusted_scale_enter_the_aligned_figures_only() -> None:
    metrics = DepthMetrics()
    metrics.update(np.full((2, 2), 3.0), np.full((2, 2), 1.0), metric=False)
    metrics.update(np.zeros((2, 2)), np.zeros((2, 2)), metric=True)
    result = metrics.result()
    assert math.isnan(result["delta1"]) and math.isnan(result["rmse"])
    assert result["delta1_aligned"] == 1


def test_a_prediction_of_zero_is_wrong_and_finite() -> None:
    metrics = DepthMetrics()
    metrics.update(np.zeros((1, 2)), np.ones((1, 2)), metric=True)
    assert metrics.result()["delta3"] == 0
    assert math.isfinite(metrics.result()["rmse"])


def test_normals_by_hand() -> None:
    def at(degrees: float) -> list[float]:
        return [math.sin(math.radians(degrees)), 0.0, math.cos(math.radians(degrees))]

    metrics = NormalMetrics()
    prediction = np.array([at(0), at(11), at(22), at(29), at(90)]) * 2.5
    truth = np.array([at(0)] * 5)
    metrics.update(prediction, truth)
    metrics.update(np.array([at(180)]), np.zeros((1, 3)))
    result = metrics.result()
    assert result["normal_mean_degrees"] == pytest.approx((0 + 11 + 22 + 29 + 90) / 5)
    assert result["normal_median_degrees"] == pytest.approx(22, abs=0.01)
    assert result["normal_within_11_25"] == pytest.approx(2 / 5)
    assert result["normal_within_22_5"] == pytest.approx(3 / 5)
    assert result["normal_within_30"] == pytest.approx(4 / 5)


def test_no_valid_normal_gives_nan() -> None:
    assert all(math.isnan(value) for value in NormalMetrics().result().values())


@given(st.integers(0, 2**32 - 1))
def test_streamed_median_is_the_median(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth, prediction = rng.normal(size=(2, 101, 3))
    truth /= np.linalg.norm(truth, axis=-1, keepdims=True)
    metrics = NormalMetrics()
    metrics.update(prediction, truth)
    cosine = (prediction * truth).sum(-1) / np.linalg.norm(prediction, axis=-1)
    angles = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    assert metrics.result()["normal_median_degrees"] == pytest.approx(np.median(angles), abs=0.011)
    assert metrics.result()["normal_mean_degrees"] == pytest.approx(angles.mean(), abs=1e-4)
