"""Problems: each is explained, the former maps stay, and what passes is tried again."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.support.page.visiting import (
    answered,
    choose_budget,
    command_line,
    crowded,
    hand_over,
    open_view,
    pixels,
    until,
    visit,
)
from tests.support.page.watch import watch_of
from tests.support.photographs import PHOTO, encoded, picture
from tests.support.servers import PATIENT, computing, running_server
from tests.support.tiny_model import SMALL, write_model


def test_a_text_file_is_refused_and_the_former_maps_stay(page: Page, server: httpx.Client) -> None:
    visit(page, server)
    maps, command = pixels(page.locator("#map-semantics")), command_line(page)
    hand_over(page, "drop", "notes.txt", b"not a photograph at all")
    problem = page.locator("#problem")
    expect(problem).to_contain_text("notes.txt is not a picture that this server reads")
    expect(problem).to_contain_text("JPEG")
    assert problem.get_attribute("role") == "alert"
    expect(page.locator("#problem button")).to_have_count(0)
    assert (pixels(page.locator("#map-semantics")) == maps).all()
    assert command_line(page) == command
    choose_budget(page, "0.6")
    expect(problem).to_be_hidden()
    assert "room.jpg" in command_line(page)


def test_a_broken_photograph_is_explained(page: Page, server: httpx.Client) -> None:
    visit(page, server)
    hand_over(page, "drop", "half.jpg", encoded(picture(200, 200), "JPEG")[:700])
    expect(page.locator("#problem")).to_be_visible()
    expect(page.locator("#problem")).to_contain_text("from before")


def test_a_slow_answer_shows_that_it_is_on_its_way(page: Page, slow: httpx.Client) -> None:
    visit(page, slow)
    with crowded(slow):
        page.locator("#budget").fill("0.6")
        until(page, lambda: page.locator("#progress").is_visible())
        assert "Computing" in page.locator("#status").inner_text()
    answered(page, budget="0.6")
    expect(page.locator("#progress")).to_be_hidden()
    expect(page.locator("#status")).to_contain_text("Budget 0.60")


def test_a_slow_comparison_ends_with_the_status_of_before(page: Page, slow: httpx.Client) -> None:
    visit(page, slow)
    with crowded(slow):
        open_view(page, "compare")
        until(page, lambda: page.locator("#progress").is_visible())
    expect(page.locator("#compare")).to_contain_text("Budget 0.25")
    expect(page.locator("#progress")).to_be_hidden()
    expect(page.locator("#status")).to_contain_text("Budget 0.50")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Client of a server that takes one request at a time, for a moment."""
    root = tmp_path_factory.mktemp("small")
    write_model(root, slow_nodes=150, slow_pixels=SMALL)
    with running_server(weights=root, max_pending=1, threads=1, **PATIENT) as client:
        yield client


@contextmanager
def occupied(server: httpx.Client) -> Iterator[None]:
    """Other clients' photographs are computed, one after another: who is refused asks again at once."""
    over = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=server.base_url, timeout=60) as other:
            while not over.is_set():
                other.post("/parse", content=PHOTO)

    with ThreadPoolExecutor(2) as others:
        asking = [others.submit(ask) for _ in range(2)]
        while not computing(server):
            time.sleep(0.01)
        try:
            yield
        finally:
            over.set()
        for each in asking:
            each.result()


def statuses(page: Page) -> list[int]:
    """The statuses of the answers to requests for maps so far."""
    return [response.status for request in watch_of(page).parses() if (response := request.response())]


def test_an_overloaded_server_is_tried_again_when_it_said_so(page: Page, small: httpx.Client) -> None:
    visit(page, small)
    with occupied(small):
        page.locator("#budget").fill("0.6")
        expect(page.locator("#status")).to_contain_text("busy")
    answered(page, budget="0.6")
    expect(page.locator("#problem")).to_be_hidden()
    assert statuses(page)[-2:] == [429, 200]


def test_a_server_that_stays_overloaded_is_said_to_be(page: Page, small: httpx.Client) -> None:
    visit(page, small)
    with occupied(small):
        page.locator("#budget").fill("0.6")
        expect(page.locator("#problem")).to_be_visible()
        assert statuses(page).count(429) > 1
    page.locator("#problem").get_by_role("button", name="Try again").click()
    answered(page, budget="0.6")
    expect(page.locator("#problem")).to_be_hidden()


def test_a_server_that_has_gone_is_missed_and_found_again(page: Page, weights: Path) -> None:
    with running_server(weights=weights, **PATIENT) as first:
        visit(page, first)
        port = first.base_url.port
    page.locator("#budget").fill("0.6")
    expect(page.locator("#problem")).to_contain_text("does not answer")
    with running_server(weights=weights, port=port, **PATIENT):
        page.locator("#problem").get_by_role("button", name="Try again").click()
        answered(page, budget="0.6")
        expect(page.locator("#problem")).to_be_hidden()


def test_maps_are_requested_again_once_the_network_is_back(page: Page, server: httpx.Client) -> None:
    visit(page, server)
    page.context.set_offline(True)
    page.locator("#budget").fill("0.6")
    expect(page.locator("#problem")).to_contain_text("does not answer")
    page.context.set_offline(False)
    answered(page, budget="0.6")
    expect(page.locator("#problem")).to_be_hidden()


def test_a_key_is_requested_and_told_to_nobody_else(page: Page, guarded: httpx.Client) -> None:
    page.goto(str(guarded.base_url))
    field = page.locator("#key")
    expect(field).to_be_visible()
    field.fill("a wrong one")
    field.press("Enter")
    expect(page.locator("#problem")).to_be_visible()
    expect(field).to_have_value("")
    field.fill("secret")
    field.press("Enter")
    answered(page)
    expect(field).to_be_hidden()
    choose_budget(page, "0.6")
    assert "secret" not in page.content() + command_line(page)
    assert "$PAG_KEY" in command_line(page)
    assert not any("secret" in request.url for request in watch_of(page).requests)
    page.reload()
    expect(field).to_be_visible()


def test_a_problem_goes_with_its_cause(page: Page, server: httpx.Client) -> None:
    visit(page, server)
    page.locator("summary").first.click()
    page.locator("#deadline").fill("1")
    expect(page.locator("#problem")).to_be_visible()
    before = len(watch_of(page).parses())
    page.locator("#deadline").fill("")
    expect(page.locator("#problem")).to_be_hidden()
    assert len(watch_of(page).parses()) == before


def test_a_least_budget_above_the_budget_is_told_below_its_field(page: Page, server: httpx.Client) -> None:
    visit(page, server)
    choose_budget(page, "0.3")
    page.locator("summary").first.click()
    field = page.locator("#min-budget")
    field.fill("0.5")
    expect(page.locator("#min-budget-problem")).to_contain_text("between 0.01 and the budget, 0.30")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#problem")).to_be_hidden()
    page.locator("#budget").fill("0.6")
    expect(field).to_have_attribute("aria-invalid", "false")
    answered(page, budget="0.6", min_budget="0.5")
