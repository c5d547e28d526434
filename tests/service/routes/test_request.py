"""Content negotiation, on its own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.routes.request import choose

AVAILABLE = ("application/json", "application/zip", "image/png")


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", "application/json"),
        ("image/png", "image/png"),
        ("image/*;q=0.5, application/zip;q=0.4", "image/png"),
        ("application/json;q=0.1, application/*;q=0.5", "application/zip"),
        ("*/*;q=0.1, image/png;q=0", "application/json"),
        ("text/html", None),
        ("*/*;q=0", None),
        ("image/png;q=wrong", None),
        ("application/json;charset=utf-8", "application/json"),
        (" , ,", "application/json"),
    ],
)
def test_examples(accept: str, chosen: str | None) -> None:
    assert choose(accept, AVAILABLE) == chosen


@given(st.text())
def test_any_header_is_survived(accept: str) -> None:
    assert choose(accept, AVAILABLE) in (*AVAILABLE, None)
