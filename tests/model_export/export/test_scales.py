"""The scale at each budget: the best of the evaluated ones, never falling, the whole image at budget 1."""

from __future__ import annotations

from typing import Any

import pytest

from model_export.export.scales import choose_scales
from model_export.networks.tasks import figures

BUDGETS = [0.2, 0.3, 0.5, 0.7, 0.9, 1.0]


def point(scale: float, share: float, quality: float) -> dict[str, Any]:
    return {
        "scale": scale,
        "share": share,
        "figures": dict.fromkeys((figure.name for figure in figures("quality")), quality),
    }


HALF = [point(0.5, 0.12, 0.30), point(0.5, 0.25, 0.50)]
WHOLE = [point(1.0, 0.5, 0.45), point(1.0, 1.0, 0.60)]


def test_each_budget_has_the_scale_that_serves_it_best() -> None:
    # At .7 the whole image gives .51 and half of it .50; at .5 it gives .45.
    assert choose_scales([*HALF, *WHOLE], BUDGETS) == [(0.2, 0.5), (0.7, 1.0)]


def test_below_the_least_share_of_a_scale_another_serves() -> None:
    better_whole = [point(1.0, 0.5, 0.70), point(1.0, 1.0, 0.80)]
    assert choose_scales([*HALF, *better_whole], BUDGETS) == [(0.2, 0.5), (0.5, 1.0)]


def test_a_scale_never_falls_as_the_budget_rises() -> None:
    """A larger scale that is better at .3 alone is not worth keeping where it is worse."""
    odd = [point(0.7, 0.29, 0.51), point(0.7, 0.31, 0.51), point(0.7, 0.32, 0.1), point(0.7, 0.49, 0.1)]
    rows = choose_scales([*HALF, *odd, *WHOLE], BUDGETS)
    assert [scale for _, scale in rows] == sorted(scale for _, scale in rows)
    assert rows[0] == (0.2, 0.5) and rows[-1][1] == 1.0


def test_budget_1_is_the_whole_image_even_where_a_smaller_one_is_better() -> None:
    best_half = [point(0.5, 0.12, 0.9), point(0.5, 0.25, 0.95)]
    assert choose_scales([*best_half, *WHOLE], BUDGETS) == [(0.2, 0.5), (1.0, 1.0)]


def test_without_a_list_the_budgets_go_from_the_least_share_to_1() -> None:
    rows = choose_scales([*HALF, *WHOLE])
    assert rows[0][0] == 0.12 and rows[-1][1] == 1.0


def test_points_without_the_whole_image_are_refused() -> None:
    with pytest.raises(ValueError, match="scale 1"):
        choose_scales(HALF, BUDGETS)
