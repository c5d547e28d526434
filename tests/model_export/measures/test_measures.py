"""Figures on cases that can be checked by hand, and against their plain definitions."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_export.data.sample import Sample
from model_export.evaluation.evaluate import Targets
from model_export.evaluation.statistics import figures_of, stacked
from model_export.measures.classes import iou_per_class, merge_classes
from model_export.measures.probability import ProbabilityMeasure


def sample_of(labels=None, depth=None, normals=None, *, metric=True, shape=None):
    """A sample with the given targets, the others absent: void, zero depth, zero normals."""
    given_shapes = [np.shape(values)[:2] for values in (labels, depth, normals) if values is not None]
    shape = shape or given_shapes[0]
    return Sample(
        image=np.zeros((*shape, 3), np.uint8),
        labels=np.full(shape, 255, np.uint8) if labels is None else np.array(labels, np.uint8),
        depth=np.zeros(shape, np.float32) if depth is None else np.array(depth, np.float32),
        depth_metric=metric,
        normals=np.zeros((*shape, 3), np.float32) if normals is None else np.array(normals, np.float32),
    )


def compare(sample, labels=None, depth=None, normals=None, classes=40):
    shape = sample.labels.shape
    maps = {
        "semantics": np.zeros(shape, np.uint8) if labels is None else np.array(labels, np.uint8),
        "depth": np.ones(shape, np.float32) if depth is None else np.array(depth, np.float32),
        "normals": np.ones((*shape, 3), np.float32) if normals is None else np.array(normals, np.float32),
    }
    return Targets(sample, classes).compare(maps)


def compared(sample, **maps):
    """The contribution of a single image."""
    return stacked([compare(sample, **maps)])


def at(degrees: float) -> list[float]:
    return [math.sin(math.radians(degrees)), 0.0, math.cos(math.radians(degrees))]


def test_iou_by_hand() -> None:
    statistics = compare(sample_of([[0, 0, 0, 1, 1, 255]]), [[0, 0, 1, 1, 1, 2]], classes=3)
    # Class 0: 2 hits of 3, none false: 2/3. Class 1: 2 hits, 1 false: 2/3. Class 2: only predicted on void.
    result = figures_of(stacked([statistics]))
    assert (result["miou3"], result["pixel_accuracy"]) == pytest.approx((2 / 3, 4 / 5))
    assert "miou13" not in result


def test_classes_absent_from_the_truth_are_left_out_of_the_mean_but_their_false_hits_cost() -> None:
    statistics = compare(sample_of([[0, 0]]), [[0, 2]], classes=3)
    assert figures_of(stacked([statistics]))["miou3"] == pytest.approx(0.5)
    assert np.isnan(iou_per_class(statistics.sums["confusion"])[1:]).all()


def test_nothing_to_compare_with_gives_nan() -> None:
    result = figures_of(compared(sample_of(shape=(2, 2))))
    assert len(result) == 18 and all(math.isnan(value) for value in result.values())


def test_ids_out_of_range_and_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"truth goes beyond 0\.\.1"):
        compare(sample_of([[2]]), [[0]], classes=2)
    with pytest.raises(ValueError, match=r"predicted label goes beyond 0\.\.1"):
        compare(sample_of([[0]]), [[2]], classes=2)
    with pytest.raises(ValueError, match=r"predicted label goes beyond 0\.\.1"):
        Targets(sample_of([[0]]), 2).compare({"semantics": np.array([[-1]])})
    with pytest.raises(ValueError, match="are not"):
        compare(sample_of([[0]]), [[0, 0]])
    with pytest.raises(ValueError, match="are not"):
        compare(sample_of([[0]]), depth=[[1.0, 1.0]])
    with pytest.raises(ValueError, match="are not"):
        compare(sample_of([[0]]), normals=[[at(0), at(0)]])


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_confusion_counts_pixels_and_merging_classes_is_merging_labels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mapping = np.array([1, 0, 1, 2, 0], np.uint8)
    truth, prediction = rng.integers(0, 5, (2, 5, 10), np.uint8)
    fine = compare(sample_of(truth), prediction, classes=5).sums["confusion"]
    coarse = compare(sample_of(mapping[truth]), mapping[prediction], classes=3).sums["confusion"]
    assert all(fine[t, p] == ((truth == t) & (prediction == p)).sum() for t, p in product(range(5), repeat=2))
    assert np.array_equal(merge_classes(fine, mapping.tolist()), coarse)


def test_depth_by_hand() -> None:
    sample = sample_of(depth=[[1.0, 2.0, 2.0, 0.0]])
    result = figures_of(compared(sample, depth=[[1.0, 2.4, 4.0, 9.0]]))
    # Ratios 1, 1.2, 2 against 1.25, 1.5625, 1.953; the fourth pixel is invalid.
    assert result["delta1"] == result["delta2"] == result["delta3"] == pytest.approx(2 / 3)
    assert result["rmse"] == pytest.approx(math.sqrt((0.16 + 4) / 3))
    assert result["abs_rel"] == pytest.approx((0.2 + 1) / 3)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_depth_figures_are_their_definitions(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth, given = rng.uniform(0.5, 10, (2, 6, 7)).astype(np.float32)
    truth[rng.random(truth.shape) < 0.2] = 0
    truth[0, 0] = 3
    result = figures_of(compared(sample_of(depth=truth), depth=given))
    t, p = (values[truth > 0].astype(float) for values in (truth, given))
    for suffix, factor in (("", 1), ("_aligned", np.median(t) / np.median(p))):
        p = p * factor
        worse = np.maximum(p / t, t / p)
        for k in (1, 2, 3):
            assert result[f"delta{k}{suffix}"] == pytest.approx((worse < 1.25**k).mean())
        assert result[f"rmse{suffix}"] == pytest.approx(np.sqrt(((p - t) ** 2).mean()), rel=1e-5)
        assert result[f"abs_rel{suffix}"] == pytest.approx((abs(p - t) / t).mean(), rel=1e-5)


@settings(deadline=None)
@given(st.floats(0.1, 10))
def test_alignment_forgives_one_factor_and_plain_figures_do_not(factor: float) -> None:
    truth = np.linspace(1, 4, 30).reshape(5, 6)
    result = figures_of(compared(sample_of(depth=truth), depth=truth * factor))
    assert result["delta1_aligned"] == 1
    assert result["rmse_aligned"] == pytest.approx(0, abs=1e-6)
    assert result["abs_rel"] == pytest.approx(abs(factor - 1), abs=1e-6)


def test_images_without_a_trusted_scale_enter_the_aligned_figures_only() -> None:
    untrusted = compare(sample_of(depth=np.ones((2, 2)), metric=False), depth=np.full((2, 2), 3.0))
    nothing = compare(sample_of(shape=(2, 2)))
    result = figures_of(stacked([untrusted, nothing]))
    assert math.isnan(result["delta1"]) and math.isnan(result["rmse"])
    assert result["delta1_aligned"] == 1


def test_a_prediction_of_zero_is_wrong_and_finite() -> None:
    result = figures_of(compared(sample_of(depth=[[1.0, 1.0]]), depth=[[0.0, 0.0]]))
    assert result["delta3"] == 0
    assert math.isfinite(result["rmse"])


def test_normals_by_hand() -> None:
    angles = [0, 11, 22, 29, 90, 180]
    truth = [at(0)] * 5 + [[0.0, 0.0, 0.0]]
    result = figures_of(
        compared(sample_of(normals=[truth]), normals=[[np.array(at(a)) * 2.5 for a in angles]])
    )
    assert result["normal_mean_degrees"] == pytest.approx((0 + 11 + 22 + 29 + 90) / 5, rel=1e-6)
    assert result["normal_median_degrees"] == pytest.approx(22, abs=0.5)
    assert result["normal_within_11_25"] == pytest.approx(2 / 5)
    assert result["normal_within_22_5"] == pytest.approx(3 / 5)
    assert result["normal_within_30"] == pytest.approx(4 / 5)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_angles_are_the_arc_cosine_of_the_scalar_product(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth, prediction = rng.normal(size=(2, 40, 50, 3))
    truth /= np.linalg.norm(truth, axis=-1, keepdims=True)
    cosine = (prediction * truth).sum(-1) / np.linalg.norm(prediction, axis=-1)
    angles = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    result = figures_of(compared(sample_of(normals=truth), normals=prediction))
    # The median lies within a bin of the histogram, half a degree wide, or between two angles far apart.
    assert result["normal_median_degrees"] == pytest.approx(np.median(angles), abs=0.5)
    assert result["normal_mean_degrees"] == pytest.approx(angles.mean(), abs=1e-3)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 9))
def test_figures_of_images_together_are_those_of_their_pixels_together(seed: int, cut: int) -> None:
    rng = np.random.default_rng(seed)
    truth, prediction = rng.integers(0, 40, (2, 10, 4), np.uint8)
    normals = rng.normal(size=(10, 4, 3)).astype(np.float32)
    parts = [
        compare(sample_of(truth[part], normals=normals[part]), prediction[part])
        for part in (slice(None, cut), slice(cut, None))
    ]
    whole = figures_of(compared(sample_of(truth, normals=normals), labels=prediction))
    assert figures_of(stacked(parts)) == pytest.approx(whole, nan_ok=True)


def of_probability(target, given) -> dict[str, float]:
    measure = ProbabilityMeasure("made")
    compare = measure.prepared(np.array(target), classes=0, metric=False)
    return {name: float(value) for name, value in measure.values(compare(np.array(given))).items()}


def test_probabilities_by_hand() -> None:
    # Thresholds .9, .6 and .3 find 1 of 1, 1 of 2 and 2 of 3; the last pixel is not known.
    result = of_probability([[1, 0, 1, -1]], [[0.905, 0.605, 0.305, 1.0]])
    assert result["made_best_f1"] == pytest.approx(4 / 5)
    assert result["made_average_precision"] == pytest.approx(1 / 2 + 2 / 3 / 2)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_best_f1_is_that_of_some_threshold(seed: int) -> None:
    rng = np.random.default_rng(seed)
    target, given = rng.integers(-1, 2, (8, 9)), rng.random((8, 9)).astype(np.float32)
    target[0, :2] = 0, 1
    scores = []
    for threshold in range(100):
        found, truth = (given * 100).astype(int) >= threshold, target == 1
        hits = (found & truth).sum()
        scores.append(2 * hits / (hits + (found & (target == 0)).sum() + truth.sum()))
    result = of_probability(target, given)
    assert result["made_best_f1"] == pytest.approx(max(scores))
    assert 0 < result["made_average_precision"] <= 1


def test_perfect_and_absent_probabilities() -> None:
    target = np.array([[1, 0], [0, 1]])
    assert of_probability(target, target.astype(float)) == {"made_best_f1": 1, "made_average_precision": 1}
    assert all(math.isnan(value) for value in of_probability(-target - 1, target * 0.5).values())
