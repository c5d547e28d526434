"""A deadline picks the largest budget that is predicted to meet it; load and the client bound it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.engine.brownout import Brownout
from service.engine.choice import STEPS, Choice, Chooser, Line, sending_seconds
from service.engine.costs import FIRST_MARGIN, Costs
from service.engine.engine import Engine
from service.engine.loading import load_models
from service.engine.models import ModelRegistry
from service.engine.resources import resolve_resources
from service.errors import InvalidParameter
from service.settings import Settings
from service.telemetry.metrics import Metrics
from tests.support.jobs import FULL_SECONDS, make_job
from tests.support.tiny_model import FLOOR

budgets = st.floats(FLOOR, 1.0)


def chooser(ceiling: float = 1.0, costs: Costs | None = None) -> Chooser:
    costs = costs or Costs(Metrics())
    for shared in (False, True):
        costs.seed(make_job().options, shared, [(share * 1000, share * FULL_SECONDS) for share in (0.1, 1.0)])
    brownout = Brownout(Settings())
    brownout.ceiling = ceiling
    return Chooser(costs, brownout)


def chosen(choice: Choice | None) -> Choice:
    assert choice is not None
    return choice


def test_without_a_deadline_the_budget_is_the_one_asked_for() -> None:
    choice = chosen(chooser().choose(make_job(0.8), 0.0, shared=False))
    assert (choice.point.used_budget, choice.point.reason) == (0.8, "client")


@given(budgets, st.floats(0.0, 0.3))
def test_a_deadline_gets_the_largest_budget_that_meets_it(budget: float, left: float) -> None:
    subject = chooser()
    choice = subject.choose(make_job(budget, deadline=left), 0.0, shared=False)
    if choice is None:
        least = chosen(subject.choose(make_job(FLOOR), 0.0, shared=False))
        assert least.seconds + sending_seconds(make_job()) > left
        return
    assert choice.seconds + sending_seconds(make_job()) <= left
    assert choice.point.requested_budget == budget
    assert choice.point.used_budget <= budget
    assert choice.point.reason == ("client" if choice.point.used_budget == budget else "deadline")
    higher = min(budget, choice.point.used_budget + 1.01 / STEPS)
    if choice.point.used_budget < budget:
        # What was predicted is stretched by the margin that stands before anything was measured.
        assert chosen(subject.choose(make_job(higher), 0.0, shared=False)).seconds * (
            1 + FIRST_MARGIN
        ) > left - sending_seconds(make_job())


@given(budgets, budgets, st.floats(0.01, 1.0), st.floats(0.0, 0.3))
def test_no_choice_goes_below_what_is_wanted_at_least(
    a: float, b: float, ceiling: float, left: float
) -> None:
    least, budget = sorted((a, b))
    choice = chooser(ceiling).choose(make_job(budget, least, left), 0.0, shared=True)
    assert choice is None or least <= choice.point.used_budget <= budget


def test_load_lowers_budgets_unless_the_client_opts_out() -> None:
    browned = chooser(ceiling=0.4)
    point = chosen(browned.choose(make_job(1.0), 0.0, shared=True)).point
    assert (point.requested_budget, point.used_budget, point.reason) == (1.0, 0.4, "brownout")
    assert chosen(browned.choose(make_job(1.0, least=0.6), 0.0, shared=True)).point.used_budget == 0.6
    kept = chosen(browned.choose(make_job(1.0, least=1.0), 0.0, shared=True)).point
    assert (kept.used_budget, kept.reason) == (1.0, "client")
    small = chosen(browned.choose(make_job(0.3), 0.0, shared=True)).point
    assert (small.used_budget, small.reason) == (0.3, "client")


def test_a_deadline_below_the_brown_out_is_said_to_be_the_reason() -> None:
    point = chosen(chooser(ceiling=0.8).choose(make_job(1.0, deadline=0.09), 0.0, shared=True)).point
    assert point.used_budget < 0.8
    assert point.reason == "deadline"


def test_the_margin_learned_from_misses_makes_choices_more_careful() -> None:
    costs = Costs(Metrics())
    subject = chooser(costs=costs)
    before = chosen(subject.choose(make_job(deadline=0.15), 0.0, shared=False)).point.used_budget
    for _ in range(40):
        costs.learn_total(0.1, 0.15, False)
    after = chosen(subject.choose(make_job(deadline=0.15), 0.0, shared=False)).point.used_budget
    assert after < before


def test_min_budget_above_the_budget_is_refused(weights: Any) -> None:
    settings = Settings(weights=weights)
    resources, registry = resolve_resources(settings), ModelRegistry()
    engine = Engine(settings, resources, registry, Metrics())
    registry.fill(load_models(settings, resources), settings.model)
    try:
        with pytest.raises(InvalidParameter, match=r"min_budget=0\.8 is above the budget 0\.5"):
            engine.resolve(budget=0.5, min_budget=0.8)
        assert engine.resolve(budget=0.5, min_budget=0.5).floor == 0.5
    finally:
        engine.close()


def line_of(subject: Chooser, deadlines: list[float | None], free: list[float]) -> Line:
    jobs = [make_job(deadline=deadline) for deadline in deadlines]
    return Line(free, [(job, subject.estimate(job)) for job in jobs])


@given(st.lists(st.floats(0.05, 1.0), min_size=1, max_size=6), st.floats(0.15, 0.6))
def test_who_starts_leaves_the_time_that_those_behind_need(behind: list[float], deadline: float) -> None:
    subject, starting = chooser(), make_job(deadline=deadline)
    line = line_of(subject, sorted(behind), free=[])
    alone = subject.choose(starting, 0.0, shared=True)
    choice = subject.choose(starting, 0.0, shared=True, line=line)
    assert (choice is None) == (alone is None)
    if choice is None or alone is None:
        return
    assert choice.point.used_budget <= alone.point.used_budget
    least = chosen(subject.choose(make_job(FLOOR), 0.0, shared=True)).seconds
    # One worker, one after another at the least budget, stretched by the margin: who can be met so is met.
    start = choice.seconds
    for own in sorted(behind):
        reachable = least * (len(behind) + 1) * (1 + FIRST_MARGIN) + 0.2 < own
        start += least
        assert not reachable or start <= own


def test_budgets_are_shared_among_those_that_wait() -> None:
    subject, starting = chooser(), make_job(deadline=0.4)
    assert chosen(subject.choose(starting, 0.0, shared=True)).point.used_budget == 1.0
    crowded = line_of(subject, [0.4] * 4, free=[])
    choice = chosen(subject.choose(starting, 0.0, shared=True, line=crowded))
    assert FLOOR < choice.point.used_budget < 0.9
    assert choice.point.reason == "deadline"


@pytest.mark.parametrize("deadline", [None, 0.01])
def test_who_has_no_deadline_or_cannot_meet_it_takes_no_budget_from_others(deadline: float | None) -> None:
    subject = chooser()
    line = line_of(subject, [deadline] * 4, free=[])
    point = chosen(subject.choose(make_job(deadline=0.4), 0.0, shared=True, line=line)).point
    assert (point.used_budget, point.reason) == (1.0, "client")
