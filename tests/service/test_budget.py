"""Where on the knob an image is served: its scale, the graph's budget, and what that spends."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.model_folder.manifest import ModelManifest
from service.model_folder.operating_point import operating_point
from tests.support.tiny_model import manifest_document

budgets = st.floats(0.001, 1.0)
sides = st.integers(16, 2000)
# From five multiples of 32 on, padding never takes so much of a scale's saving that the floor moves.
multiples = st.integers(5, 30).map(lambda n: 32 * n)
ROUNDING = 1e-6  # of budget and ratios to float32


def manifest(*scales: tuple[float, float]) -> ModelManifest:
    document = manifest_document()
    if scales:
        document["budget"]["floor"] = scales[0][0]
        document["budget"]["scales"] = [{"budget": budget, "scale": scale} for budget, scale in scales]
    return ModelManifest.model_validate_json(json.dumps(document))


PLAIN = manifest()
SCALED = manifest((0.15, 0.6), (0.3, 0.8), (0.7, 1.0))


def test_the_scale_comes_first_and_the_gates_spend_what_is_left() -> None:
    point = operating_point(SCALED, 0.18, 480, 640)
    assert (point.scale, point.resize.fed) == (0.6, (288, 384))
    assert point.network_budget == pytest.approx(0.18 / 0.36)
    # Half of 288x384, whose pixels are .36 of 480x640: 150 + 400 / 2 + 450 / 4 of 1000.
    assert point.share == pytest.approx(0.36 * 0.4625)
    assert point.multiply_adds == round(0.36 * 462.5)
    assert (point.requested_budget, point.used_budget, point.reason) == (0.18, 0.18, "client")


@pytest.mark.parametrize(
    ("budget", "scale"), [(0.15, 0.6), (0.299, 0.6), (0.3, 0.8), (0.69, 0.8), (0.7, 1.0), (1.0, 1.0)]
)
def test_a_row_holds_from_its_budget_to_the_next(budget: float, scale: float) -> None:
    assert operating_point(SCALED, budget, 480, 640).scale == scale


def test_more_budget_than_the_scale_can_spend_computes_every_pixel_there() -> None:
    point = operating_point(SCALED, 0.69, 480, 640)
    assert point.network_budget == 1.0
    assert point.share == 0.64


@given(sides, sides)
def test_the_whole_budget_is_exactly_one(height: int, width: int) -> None:
    for each in (PLAIN, SCALED):
        point = operating_point(each, 1.0, height, width)
        assert (point.scale, point.network_budget, point.share) == (1.0, 1.0, 1.0)
        assert point.multiply_adds == each.multiply_adds_at(1.0, *point.resize.padded)


@given(budgets, sides, sides)
def test_without_scales_the_graph_is_fed_the_budget(budget: float, height: int, width: int) -> None:
    point = operating_point(PLAIN, budget, height, width)
    assert point.used_budget == point.network_budget == PLAIN.used_budget(budget)
    assert point.resize == PLAIN.plan_resize(height, width)
    assert point.share == PLAIN.share(budget, *point.resize.padded)


@given(budgets, multiples, multiples)
def test_share_is_a_ceiling_from_the_floor_on(budget: float, height: int, width: int) -> None:
    point = operating_point(SCALED, budget, height, width)
    assert point.used_budget == max(budget, 0.15)
    assert point.reason == ("floor" if budget < 0.15 else "client")
    assert 0 < point.share <= point.used_budget + ROUNDING


@given(budgets, sides, sides)
def test_what_is_said_to_be_used_is_never_exceeded(budget: float, height: int, width: int) -> None:
    point = operating_point(SCALED, budget, height, width)
    assert 0 < point.share <= point.used_budget + ROUNDING
    assert (point.used_budget > budget) == (point.reason == "floor")
    assert SCALED.gates_floor <= point.network_budget <= 1
    assert point.resize == SCALED.plan_resize(height, width, point.scale)


@given(budgets, budgets, sides, sides)
def test_share_never_falls_as_the_budget_rises_within_a_scale(
    a: float, b: float, height: int, width: int
) -> None:
    low, high = (operating_point(SCALED, budget, height, width) for budget in sorted((a, b)))
    assert low.scale <= high.scale
    if low.scale == high.scale:
        assert low.share <= high.share
        assert low.multiply_adds <= high.multiply_adds


def test_an_image_whose_padding_eats_the_saving_steps_down() -> None:
    close = manifest((0.1, 0.6), (0.24, 0.9))
    assert operating_point(close, 0.24, 480, 640).scale == 0.9
    # 110x110 and its 99x99 are both padded to 128x128, so nothing is saved and .24 is below the gates' floor;
    # 66x66 is padded to 96x96, .5625 of the pixels.
    point = operating_point(close, 0.24, 110, 110)
    assert (point.scale, point.resize.padded) == (0.6, (96, 96))
    assert point.network_budget == pytest.approx(0.24 / 0.5625)
    assert point.share <= 0.24
    assert (point.used_budget, point.reason) == (0.24, "client")
    assert operating_point(close, 0.25, 110, 110).scale == 0.9


def test_where_no_scale_fits_the_gates_floor_is_served_and_said() -> None:
    point = operating_point(SCALED, 0.2, 32, 32)
    assert (point.scale, point.resize.padded) == (0.6, (32, 32))
    assert point.network_budget == point.used_budget == 0.25
    assert (point.requested_budget, point.reason) == (0.2, "floor")
    assert point.share == PLAIN.share(0.25, 32, 32)
