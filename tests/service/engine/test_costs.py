"""Predicted times: from the warm-up at first, then from what was measured."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.engine.costs import (
    FIRST_MARGIN,
    LARGEST_MARGIN,
    MEMORY_SECONDS,
    Costs,
    Curve,
    Factor,
    Margin,
)
from service.telemetry.metrics import Metrics
from tests.support.jobs import FULL_SECONDS, SESSION, make_job
from tests.support.tiny_model import FLOOR

POINTS = [(100.0, 0.02), (400.0, 0.05), (1000.0, 0.1)]
work = st.floats(1.0, 5000.0)


def seeded() -> Costs:
    costs = Costs(Metrics())
    costs.seed(make_job().options, False, [(100.0, FULL_SECONDS / 10), (1000.0, FULL_SECONDS)])
    return costs


def test_a_curve_meets_the_points_it_was_measured_at() -> None:
    curve = Curve(POINTS)
    assert [curve.seconds(multiply_adds) for multiply_adds, _ in POINTS] == [s for _, s in POINTS]
    assert curve.seconds(700) == pytest.approx(0.075)
    assert curve.seconds(2000) == pytest.approx(0.2)


@given(work, work)
def test_more_work_never_takes_less_time(a: float, b: float) -> None:
    low, high = sorted((a, b))
    curve = Curve(POINTS)
    assert 0 < curve.seconds(low) <= curve.seconds(high)


def test_a_factor_learns_quickly_at_first_and_never_stops() -> None:
    factor = Factor()
    factor.learn(3.0)
    assert factor.value == 2.0
    for _ in range(60):
        factor.learn(3.0)
    assert factor.value == pytest.approx(3.0, rel=0.01)
    for _ in range(60):
        factor.learn(1.0)
    assert factor.value == pytest.approx(1.0, rel=0.01)


@given(st.lists(st.floats(0.0, 1e6), max_size=50))
def test_one_absurd_measurement_does_not_spoil_a_factor(ratios: list[float]) -> None:
    factor = Factor()
    for ratio in ratios:
        factor.learn(ratio)
        assert 0.04 < factor.value <= 20


def test_inference_is_learned_per_kind_and_said_to_the_metrics() -> None:
    costs = seeded()
    options, point = make_job().options, SESSION.point(1.0, 480, 640)
    assert costs.inference(options, point, False) == pytest.approx(FULL_SECONDS)
    for _ in range(60):
        costs.learn_inference(options, point, False, 2 * FULL_SECONDS)
    assert costs.inference(options, point, False) == pytest.approx(2 * FULL_SECONDS, rel=0.01)
    cheap = SESSION.point(0.25, 480, 640)
    assert costs.inference(options, cheap, False) < 0.5 * FULL_SECONDS
    text = costs._metrics.render().decode()
    assert 'pag_prediction_error_ratio_count{stage="inference"} 60.0' in text


def test_the_margin_covers_nearly_all_that_was_missed() -> None:
    margin = Margin()
    for i in range(200):
        margin.learn(0.0, 0.001 * (i % 100))
    assert 0.095 <= margin.share(1.0) <= 0.099
    for _ in range(300):
        margin.learn(2.0, -0.1)
    assert margin.share(3.0) == 0.0


def test_misses_are_forgotten_even_if_nothing_is_learned_after_them() -> None:
    margin = Margin()
    for _ in range(50):
        margin.learn(0.0, 100.0)
    assert margin.share(1.0) == LARGEST_MARGIN
    assert margin.share(1.0 + MEMORY_SECONDS) == FIRST_MARGIN


def test_pixels_sent_as_such_need_no_decoding() -> None:
    costs = seeded()
    assert costs.decode("RGB", 10**6) == 0.0
    assert costs.decode("PNG", 10**6) > costs.decode("JPEG", 10**6) > 0


def test_contention_that_was_measured_at_one_budget_is_foreseen_at_others() -> None:
    costs, job = Costs(Metrics()), make_job()
    costs.seed(job.options, True, [(100, 0.01), (1000, 0.1)])
    full, least = (job.options.session.point(budget, 480, 640) for budget in (1.0, FLOOR))
    before = costs.inference(job.options, least, True)
    for _ in range(50):
        costs.learn_inference(job.options, full, True, 0.3)
    assert costs.inference(job.options, full, True) == pytest.approx(0.3, rel=0.05)
    assert costs.inference(job.options, least, True) == pytest.approx(3 * before, rel=0.05)
    costs.learn_inference(job.options, least, True, before)
    assert before < costs.inference(job.options, least, True) < 3 * before
    assert costs.inference(job.options, full, True) == pytest.approx(0.3, rel=0.05)
