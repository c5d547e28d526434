"""The readout and the legend: words and numbers of what the server answered."""

from __future__ import annotations

from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Locator, Page, expect

from tests.support.page.visiting import (
    ROOM,
    class_names,
    open_view,
    palette,
    parsed_directly,
    pixels,
    readout,
    until,
    visit,
)

MINUS = "\N{MINUS SIGN}"
Maps = dict[str, NDArray[Any]]


@pytest.fixture(scope="module")
def maps(server: httpx.Client) -> Maps:
    """What a client that is no browser gets for the first sample."""
    return parsed_directly(server, ROOM.read_bytes())


def point_at(canvas: Locator, x: int, y: int) -> None:
    """Move the pointer to the middle of a map's pixel."""
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    width, height = canvas.evaluate("canvas => [canvas.width, canvas.height]")
    across, down = (x + 0.5) * box["width"] / width, (y + 0.5) * box["height"] / height
    canvas.page.mouse.move(box["x"] + across, box["y"] + down)


def percent(share: float) -> str:
    """As the page writes it: whole, but for small ones."""
    value = 100 * share
    if 0 < value < 0.1:
        return "< 0.1 %"
    return f"{value:.0f} %" if value >= 9.95 or value == 0 else f"{value:.1f} %"


def expected(maps: Maps, names: dict[int, str], x: int, y: int) -> dict[str, str]:
    """The readout at a pixel."""
    metres, normal = maps["depth"][y, x], maps["normals"][y, x]
    signs = [MINUS if part < 0 else "+" for part in normal]
    numbers = " ".join(f"{sign}{abs(part):.2f}" for sign, part in zip(signs, normal, strict=True))
    return {
        "pixel": f"{x}, {y}",
        "semantics": names[int(maps["semantics"][y, x])],
        "depth": "invalid" if np.isnan(metres) else f"{metres:.2f} m",
        "normals": numbers,
        "computed": percent(float(maps["computed"][y, x])),
    }


def test_hovering_reads_what_was_answered(shown: Page, server: httpx.Client, maps: Maps) -> None:
    page = shown
    names = class_names(server)
    height, width = maps["depth"].shape
    for canvas, x, y in (
        ("map-semantics", 17, 33),
        ("map-depth", width - 1, 40),
        ("photograph", 250, height - 2),
    ):
        point_at(page.locator(f"#{canvas}"), x, y)
        said = readout(page)
        facts = expected(maps, names, x, y)
        assert said["normals"].startswith(facts.pop("normals"))
        assert said | facts == said, canvas


def test_arrow_keys_read_too_and_the_words_are_spoken(shown: Page, server: httpx.Client, maps: Maps) -> None:
    page = shown
    page.locator("#map-depth").focus()
    x, y = (int(part) for part in readout(page)["pixel"].split(", "))
    for key in ("ArrowRight", "ArrowDown", "Shift+ArrowRight", "ArrowUp", "ArrowUp"):
        page.keyboard.press(key)
    x, y = x + 30, y - 5
    name = class_names(server)[int(maps["semantics"][y, x])]
    assert readout(page)["pixel"] == f"{x}, {y}"
    assert readout(page)["semantics"] == name
    expect(page.locator("[aria-live]", has_text="metres")).to_contain_text(
        f"{name}, {maps['depth'][y, x]:.2f}"
    )


def test_the_overlay_reads_as_the_maps_do(shown: Page, server: httpx.Client, maps: Maps) -> None:
    page = shown
    open_view(page, "overlay")
    point_at(page.locator("#overlay-canvas"), 100, 200)
    assert readout(page)["depth"] == expected(maps, class_names(server), 100, 200)["depth"]


def test_the_legend_names_each_class_with_its_share(shown: Page, server: httpx.Client, maps: Maps) -> None:
    page = shown
    rows = page.locator("#legend [data-class]").evaluate_all(
        "rows => rows.map(row => [row.dataset.class, row.textContent])"
    )
    ids, counts = np.unique(maps["semantics"], return_counts=True)
    shares = dict(zip(ids.tolist(), 100 * counts / counts.sum(), strict=True))
    assert [int(number) for number, _ in rows] == sorted(shares, key=lambda number: -shares[number])
    names, total = class_names(server), 0.0
    for number, text in rows:
        assert text.startswith(names[int(number)])
        said = text.removeprefix(names[int(number)]).strip(" %")
        if said.startswith("<"):
            assert shares[int(number)] < 0.1
        else:
            assert float(said) == pytest.approx(shares[int(number)], abs=0.5 if "." not in said else 0.05)
            total += float(said)
    assert total == pytest.approx(100, abs=0.5 * len(rows))


def test_a_class_pointed_at_in_the_legend_stands_out(shown: Page, server: httpx.Client, maps: Maps) -> None:
    page = shown
    before = pixels(page.locator("#map-semantics"))[..., :3]
    row = page.locator("#legend [data-class]").first
    number = int(row.get_attribute("data-class") or "")
    row.hover()
    until(page, lambda: bool((pixels(page.locator("#map-semantics"))[..., :3] != before).any()))
    lit = pixels(page.locator("#map-semantics"))[..., :3]
    chosen = maps["semantics"] == number
    assert (lit[chosen] == palette(server)[number]).all()
    assert (lit[~chosen] != before[~chosen]).any(axis=-1).all()


def test_a_class_pinned_on_one_photograph_is_let_go_on_the_next(page: Page, server: httpx.Client) -> None:
    visit(page, server)
    page.locator("#legend button").first.click()
    expect(page.locator("#legend [aria-pressed=true]")).to_have_count(1)
    page.locator("#samples button[data-sample='coffee.jpg']").click()
    expect(page.locator("#curl")).to_contain_text("coffee.jpg")
    expect(page.locator("#legend [aria-pressed=true]")).to_have_count(0)
    drawn = pixels(page.locator("#map-semantics"))[..., :3].reshape(-1, 3)
    known = palette(server).reshape(-1, 3)
    assert {tuple(colour) for colour in np.unique(drawn, axis=0)} <= {tuple(colour) for colour in known}
