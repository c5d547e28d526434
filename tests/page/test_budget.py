"""The budget: what the slider requests, what was spent and why, and where that is on the model's curve."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.page.visiting import (
    answered,
    choose_budget,
    command_line,
    crowded,
    default_model,
    until,
    visit,
)
from tests.support.page.watch import watch_of


def test_the_answer_is_accounted_for(page: Page, server: httpx.Client) -> None:
    visit(page, server)
    with page.expect_response(lambda response: "budget=0.6&" in response.url) as caught:
        choose_budget(page, "0.6")
    headers = caught.value.headers
    expect(page.locator("#budget-value")).to_have_text("0.60")
    expect(page.locator("#share")).to_have_text(f"{100 * float(headers['pag-share']):.0f} %")
    expect(page.locator("#reason")).to_contain_text("As requested")
    stages = dict(part.split(";dur=") for part in headers["server-timing"].split(", "))
    for stage, milliseconds in stages.items():
        row = page.locator(f"#timing [data-stage={stage}]")
        said, rounding = milliseconds_of(row.locator(".time").inner_text())
        assert said == pytest.approx(float(milliseconds), abs=rounding), stage
    spent, rounding = milliseconds_of(page.locator("#latency").inner_text())
    assert spent + rounding >= sum(map(float, stages.values()))


def milliseconds_of(text: str) -> tuple[float, float]:
    """A duration as the page writes it, and how much it may have been rounded."""
    number, unit = text.split()
    factor = {"ms": 1, "s": 1000}[unit]
    return factor * float(number), factor * (0.06 if "." in number else 0.6)


def test_a_budget_below_the_floor_is_raised_and_that_is_said(page: Page, server: httpx.Client) -> None:
    visit(page, server)
    choose_budget(page, "0.05")
    expect(page.locator("#reason")).to_contain_text("Raised from 0.05")


def take_hold(page: Page) -> tuple[Locator, Callable[[float], None]]:
    """The budget's slider, held at its upper end, and what moves the pointer to a part of its width."""
    slider = page.locator("#budget")
    box = slider.bounding_box()
    assert box is not None
    left, width, middle = box["x"], box["width"], box["y"] + box["height"] / 2
    page.mouse.move(left + width - 10, middle)
    page.mouse.down()
    return slider, lambda part: page.mouse.move(left + width * part, middle)


def test_a_slider_that_is_dragged_aborts_what_is_stale_and_slow_and_ends_on_its_last_value(
    page: Page, slow: httpx.Client
) -> None:
    visit(page, slow, budget="1")
    slider, move = take_hold(page)
    with crowded(slow):
        for step in range(16):
            move(0.9 - 0.045 * step)
            page.wait_for_timeout(120)
        page.mouse.up()
    last = f"{float(slider.input_value()):g}"
    assert float(last) < 0.5
    answered(page, budget=last)
    watch = watch_of(page)
    assert watch.aborted, "nothing was aborted"
    # Whether it had begun to compute or was still to read the photograph depends on the machine.
    left = re.search(
        r'http_server_request_duration_seconds_count{[^}]*status="499"} (\S+)', slow.get("/metrics").text
    )
    assert left is not None and float(left[1]) >= 1, "the server did not notice"


def test_values_passed_over_quickly_are_never_asked_for(page: Page, server: httpx.Client) -> None:
    visit(page, server)
    before = len(watch_of(page).parses())
    page.locator("#budget").evaluate(
        """slider => { for (let value = 99; value >= 20; value -= 1) {
          slider.value = value / 100;
          slider.dispatchEvent(new Event("input", {bubbles: true}));
        } }"""
    )
    answered(page, budget="0.2")
    assert len(watch_of(page).parses()) <= before + 2


def test_maps_follow_a_slider_that_is_dragged_one_request_at_a_time(page: Page, server: httpx.Client) -> None:
    visit(page, server, budget="1")
    slider, move = take_hold(page)
    budgets: set[str] = set()
    steps = itertools.count()

    def drag() -> bool:
        move(0.1 + 0.02 * (next(steps) % 40))
        budgets.add(page.locator("#used").inner_text())
        return len(budgets) > 2

    until(page, drag)
    assert "size=model" in watch_of(page).parses()[-1].url
    page.mouse.up()
    answered(page, budget=f"{float(slider.input_value()):g}", size="input")


def test_a_deadline_is_passed_on_and_one_too_short_explained(page: Page, server: httpx.Client) -> None:
    visit(page, server)
    page.locator("summary").first.click()
    page.locator("#deadline").fill("60000")
    answered(page, deadline_ms="60000")
    page.locator("#deadline").fill("1")
    expect(page.locator("#problem")).to_contain_text("deadline")
    page.locator("#deadline").fill("")
    expect(page.locator("#problem")).to_be_hidden()
    until(page, lambda: "deadline_ms" not in command_line(page))


def test_the_curve_shows_every_row_and_where_this_answer_stands(page: Page, server: httpx.Client) -> None:
    visit(page, server, budget="1")
    rows = default_model(server)["metrics"]["splits"]["test"]
    curve = page.locator("#curve")
    assert curve.locator("circle[data-budget]").count() == len(rows)
    assert "1: " not in (curve.locator("desc").text_content() or "")
    right = curve.locator("circle.used").bounding_box()
    choose_budget(page, "0.2")
    left = curve.locator("circle.used").bounding_box()
    assert left is not None and right is not None and left["x"] < right["x"] - 50
    row = next(row for row in rows if row["budget"] == 0.2)
    metric = page.locator("#curve-metric").input_value()
    assert f"{row[metric]:.3g}" in (curve.text_content() or "")


def test_the_curve_can_show_other_metrics(shown: Page) -> None:
    curve = shown.locator("#curve")
    for metric, title, tick in (
        ("delta1_aligned", "Distances", "0."),
        ("normal_mean_degrees", "Angles", "°"),
    ):
        shown.locator("#curve-metric").select_option(metric)
        expect(curve.locator("title").first).to_contain_text(title)
        assert tick in (curve.text_content() or "")


def test_a_budget_between_two_steps_says_what_was_spent(page: Page, server: httpx.Client) -> None:
    visit(page, server)
    choose_budget(page, "0.92")
    expect(page.locator("#share")).to_have_text("64 %")
    expect(page.locator("#reason")).to_have_text(
        "At most 0.92 was requested; this model has no step between 0.64 and 1, so 64 % was spent."
    )


def test_no_accuracy_is_claimed_where_none_was_measured(page: Page, server: httpx.Client) -> None:
    visit(page, server)
    choose_budget(page, "0.07")
    expect(page.locator("#curve")).to_contain_text("not measured at 7 %")
    expect(page.locator("#curve circle.used")).to_have_count(0)
