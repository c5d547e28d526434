"""Many photographs through one client: order, budgets, a full server, failures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from pag import Client, Parsing, Refused
from pag.client.images import Image
from pag.client.many import holding_budget, parse_many
from tests.support.photographs import encoded, picture
from tests.support.servers import GUARD_SECONDS

COUNT = 24
PHOTOS = [encoded(picture(48 + 2 * place, 64), "JPEG") for place in range(COUNT)]


def heights(answers: Iterator[object]) -> list[int]:
    return [answer.image.height if isinstance(answer, Parsing) else 0 for answer in answers]


def test_answers_come_in_the_order_of_the_photographs(client: Client) -> None:
    answers = list(client.parse_many(PHOTOS, workers=6, maps="depth"))
    assert heights(iter(answers)) == [48 + 2 * place for place in range(COUNT)]
    alone = client.parse(PHOTOS[5], maps="depth")
    assert isinstance(answers[5], Parsing)
    np.testing.assert_array_equal(answers[5].depth, alone.depth)


def test_a_full_server_is_waited_for_and_the_budget_held(slow: str) -> None:
    # It holds two requests at a time.
    with Client(slow, timeout=GUARD_SECONDS, retries=0) as client:
        answers = list(client.parse_many(PHOTOS, workers=6, budget=0.5))
    assert heights(iter(answers)) == [48 + 2 * place for place in range(COUNT)]
    assert {answer.budget.used for answer in answers if isinstance(answer, Parsing)} == {0.5}


def test_patience_ends(slow: str) -> None:
    with (
        Client(slow, timeout=GUARD_SECONDS, retries=0) as client,
        pytest.raises(Refused, match="pending"),
    ):
        list(client.parse_many(PHOTOS, workers=8, patience=0.0))


def test_a_photograph_that_is_none_is_raised_or_returned(client: Client) -> None:
    photos = [PHOTOS[0], b"no image", PHOTOS[1]]
    with pytest.raises(Refused):
        list(client.parse_many(photos, workers=2))
    first, failed, last = client.parse_many(photos, workers=2, errors="return")
    assert isinstance(failed, Refused) and failed.slug == "unsupported-image"
    assert heights(iter([first, last])) == [48, 50]


def test_photographs_are_taken_as_they_are_needed(client: Client) -> None:
    taken = []

    def photos() -> Iterator[Image]:
        for place in range(1000):
            taken.append(place)
            yield PHOTOS[place % COUNT]

    answers = client.parse_many(photos(), workers=2, maps="depth")
    next(answers)
    answers.close()  # type: ignore[attr-defined]
    assert len(taken) <= 8


def test_lowered_budgets_are_warned_of_once(client: Client) -> None:
    whole = client.parse(PHOTOS[0], budget=0.9)
    lowered = replace(whole, budget=replace(whole.budget, used=0.4, reason="brownout"))
    answers = iter([whole, lowered, lowered, whole])
    with pytest.warns(UserWarning, match=r"budget 0.4 instead of 0.9 \(brownout\)") as warned:
        list(parse_many(lambda _: next(answers), PHOTOS[:4], 1, 0.0, "raise", False))
    assert len(warned) == 1


def test_a_budget_is_held_unless_less_is_allowed() -> None:
    assert holding_budget({"budget": 0.9}) == {"budget": 0.9, "min_budget": 0.9}
    assert holding_budget({"budget": 0.9, "min_budget": 0.3})["min_budget"] == 0.3
    assert holding_budget({"maps": "depth"}) == {"maps": "depth"}


@pytest.mark.parametrize(
    ("options", "words"), [({"workers": 0}, "at least 1"), ({"errors": "skip"}, "return")]
)
def test_wrong_settings_are_refused_at_once(client: Client, options: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        client.parse_many([], **options)  # type: ignore[arg-type]


def test_progress_goes_to_standard_error(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(list(client.parse_many(PHOTOS[:3], progress=True))) == 3
    shown = capsys.readouterr()
    assert shown.out == "" and "3/3" in shown.err
