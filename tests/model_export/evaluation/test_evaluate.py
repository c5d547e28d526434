"""Evaluation at points, on disk, and of one against another."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_export.evaluation import bootstrap, stored
from model_export.evaluation.compare import Measured, difference
from model_export.evaluation.evaluate import Evaluation, SplitMetrics, evaluate
from model_export.evaluation.points import Point
from model_export.evaluation.statistics import Statistics, figures, figures_of
from tests.support.killing import killed

POINTS = (Point(1.0, 1.0), Point(0.7, 0.6), Point(1.0, 0.5))
COSTS = {point: stored.Cost(round(1e9 * point.budget), point.budget) for point in POINTS}


@pytest.fixture(scope="module")
def evaluation(samples, predictor) -> Evaluation:
    return evaluate(predictor, samples, POINTS, progress=False)


def test_scale_1_is_the_plain_evaluation(samples, predictor, evaluation: Evaluation) -> None:
    plain = SplitMetrics()
    for sample in samples:
        maps = predictor(sample.image, 0.5)
        wide = {name: cv2.resize(values, (96, 64)) for name, values in maps.items()}
        maps = {"semantics": wide.pop("semantic_logits").argmax(-1), **wide}
        plain.update_full(maps, sample)
    assert evaluation.figures(Point(1.0, 0.5)) == pytest.approx(plain.result())


def test_a_point_s_figures_do_not_depend_on_its_company(samples, predictor, evaluation: Evaluation) -> None:
    alone = evaluate(predictor, samples, [Point(0.7, 0.6)], progress=False)
    assert alone.figures(Point(0.7, 0.6)) == evaluation.figures(Point(0.7, 0.6))
    with pytest.raises(KeyError, match=r"0\.7:0\.6"):
        alone.at(Point(1.0, 1.0))


def test_the_figures_of_any_resample_are_those_of_its_images(evaluation: Evaluation) -> None:
    statistics = evaluation.at(POINTS[1])
    drawn = [0, 0, 3, 5, 5, 5, 6, 7]
    weights = np.bincount(drawn, minlength=8)[None].astype(float)
    resampled = figures(statistics.resampled(weights))
    again = figures_of(statistics[np.array(drawn)])
    assert {name: float(value[0]) for name, value in resampled.items()} == pytest.approx(again)


def of_accuracy(hits: np.ndarray, pixels: int) -> Statistics:
    """Images of two classes of which so many pixels are right, and nothing else."""
    confusion = np.zeros((len(hits), 2, 2), np.int32)
    confusion[:, 0, 0], confusion[:, 0, 1] = hits, pixels - hits
    return Statistics({"confusion": confusion})


def test_an_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(2)
    covered = 0
    for _ in range(200):
        statistics = of_accuracy(rng.binomial(20, 0.7, 60), 20)
        low, high = bootstrap.interval(bootstrap.resampled_figures(statistics)["pixel_accuracy"])
        covered += low <= 0.7 <= high
    # 95 % of 200 is 190; five standard deviations of the count are 15.
    assert 175 <= covered <= 199


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 20), min_size=2, max_size=30))
def test_an_interval_holds_the_figure_and_shrinks_to_it_where_images_agree(hits: list[int]) -> None:
    values = bootstrap.resampled_figures(of_accuracy(np.array(hits), 20))["pixel_accuracy"]
    low, high = bootstrap.interval(values)
    assert min(hits) / 20 - 1e-9 <= low <= high <= max(hits) / 20 + 1e-9
    if len(set(hits)) == 1:
        assert low == high == pytest.approx(hits[0] / 20)


def test_an_evaluation_differs_from_itself_by_nothing(evaluation: Evaluation) -> None:
    measured = Measured.of(evaluation, POINTS[0])
    assert all(difference(measured, measured, name) == (0, 0, 0) for name in measured.values)


def test_a_paired_difference_is_surer_than_its_two_sides(evaluation: Evaluation) -> None:
    a, b = Measured.of(evaluation, POINTS[0]), Measured.of(evaluation, POINTS[2])
    value, low, high = difference(a, b, "delta1_aligned")
    assert value == a.values["delta1_aligned"] - b.values["delta1_aligned"]
    assert low <= value <= high
    assert difference(b, a, "delta1_aligned") == pytest.approx((-value, -high, -low))


def test_a_point_between_two_others_is_their_mixture(evaluation: Evaluation) -> None:
    a, b = Measured.of(evaluation, POINTS[0]), Measured.of(evaluation, POINTS[2])
    assert a.towards(b, 0).values == a.values
    middle = a.towards(b, 0.25)
    assert middle.values["rmse"] == pytest.approx(0.75 * a.values["rmse"] + 0.25 * b.values["rmse"])
    assert difference(middle, a, "rmse")[0] == pytest.approx(0.25 * (b.values["rmse"] - a.values["rmse"]))


def test_other_images_are_not_compared(samples, predictor, evaluation: Evaluation) -> None:
    fewer = Evaluation(evaluation.points, evaluation.images[:4], evaluation.statistics[:, :4])
    with pytest.raises(ValueError, match="different images"):
        difference(Measured.of(fewer, POINTS[0]), Measured.of(evaluation, POINTS[0]), "miou40")


def test_what_is_stored_is_what_was_measured(evaluation: Evaluation, tmp_path) -> None:
    content = stored.described(evaluation, COSTS, {"name": "made", "split": "test"})
    path = stored.save(tmp_path / "results", "made", evaluation, content)
    read, again = stored.load(path)
    assert read == json.loads(path.read_text()) == content | {"arrays_sha256": read["arrays_sha256"]}
    assert (again.points, again.images) == (evaluation.points, evaluation.images)
    for name, values in evaluation.statistics.sums.items():
        assert np.array_equal(again.statistics.sums[name], values), name
    for each, point in zip(read["points"], POINTS, strict=True):
        assert each["figures"] == pytest.approx(evaluation.figures(point), abs=1e-6)
        assert all(low <= each["figures"][name] <= high for name, (low, high) in each["intervals"].items())
        assert (each["share"], len(each["iou"])) == (point.budget, 40)


def test_a_figure_of_nothing_is_null_on_disk(evaluation: Evaluation, tmp_path) -> None:
    nothing = Evaluation(evaluation.points, ("a",), evaluation.statistics[:, :1])
    content = stored.described(nothing, COSTS, {})
    assert content["points"][0]["figures"]["delta1"] is None, "the first image has no metric depth"
    assert math.isnan(nothing.figures(POINTS[0])["delta1"])
    stored.save(tmp_path, "nothing", nothing, content)


def test_absent_and_foreign_files_are_named(evaluation: Evaluation, tmp_path) -> None:
    path = stored.save(tmp_path, "made", evaluation, stored.described(evaluation, COSTS, {}))
    (tmp_path / "made.npz").unlink()
    with pytest.raises(FileNotFoundError, match=r"made\.npz"):
        stored.load(path)
    with pytest.raises(FileNotFoundError, match=r"other\.json"):
        stored.load(tmp_path / "other.json")
    stored.save(tmp_path, "made", evaluation, stored.described(evaluation, COSTS, {}) | {"form": 0})
    with pytest.raises(ValueError, match="form 0"):
        stored.load(path)


def numbered(evaluation: Evaluation, number: int) -> Evaluation:
    """The evaluation with a number in every array."""
    arrays = {name: np.full_like(values, number) for name, values in evaluation.statistics.sums.items()}
    return replace(evaluation, statistics=Statistics(arrays))


@pytest.mark.process
def test_an_evaluation_is_old_or_new_after_every_kill(evaluation: Evaluation, tmp_path: Path) -> None:
    content = stored.described(evaluation, COSTS, {"name": "made", "split": "test"})

    def write(number: int) -> None:
        stored.save(tmp_path, "made", numbered(evaluation, number % 100), content | {"number": number % 100})

    write(0)
    for _ in range(10):
        killed(write)
        read, again = stored.load(tmp_path / "made.json")
        for name, values in again.statistics.sums.items():
            assert (values == read["number"]).all(), name
    write(0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["made.json", "made.npz"]


def test_arrays_of_another_evaluation_are_refused(evaluation: Evaluation, tmp_path: Path) -> None:
    content = stored.described(evaluation, COSTS, {})
    for number in (0, 1):
        stored.save(tmp_path, str(number), numbered(evaluation, number), content)
    (tmp_path / "0.npz").replace(tmp_path / "1.npz")
    with pytest.raises(ValueError, match=r"another \.npz: evaluate again"):
        stored.load(tmp_path / "1.json")


def test_an_evaluation_takes_the_place_of_one_cut_off(evaluation: Evaluation, tmp_path: Path) -> None:
    (tmp_path / "made.json").write_text('{"form": 1, "ar')
    stored.save(tmp_path, "made", evaluation, stored.described(evaluation, COSTS, {}))
    assert stored.load(tmp_path / "made.json")[0]["images"] == len(evaluation.images)
