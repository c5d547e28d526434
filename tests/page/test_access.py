"""The page for those who use no mouse, see little or nothing, or hold a telephone."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.support.page.visiting import VIEWS, answered, command_line, open_view, readout, until, visit

SEEN = (Path(__file__).parents[1] / "support/page/seen.js").read_text()
# Fonts as they may be elsewhere: WCAG 1.4.12's wide spacing, and one that takes next to no room.
FONTS = {
    "as it is": "",
    "wide": "* { letter-spacing: .12em !important; word-spacing: .16em !important }",
    "narrow": "* { font-size-adjust: .25 !important; letter-spacing: -.1em !important }",
}
SET_FONT = """css => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  document.adoptedStyleSheets = [sheet];
}"""
NAMED = {"button", "slider", "textbox", "combobox", "spinbutton", "tab", "link", "application", "tabpanel"}
FOCUSED = """() => {
  const element = document.activeElement;
  const ring = style => style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
  return {
    name: element.id || element.dataset.sample || element.textContent.trim().slice(0, 30),
    // A map's frame and a file chooser's button show it in their place.
    seen: [element, element.closest(".frame"), document.querySelector(`label[for="${element.id}"]`)]
      .some(one => one && ring(getComputedStyle(one))),
    nowhere: element === document.body,
  };
}"""


def accessible(page: Page) -> list[dict[str, Any]]:
    """The accessibility tree as Chromium hands it to a screen reader."""
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    session.detach()
    return [node for node in nodes if not node["ignored"]]


def said(node: dict[str, Any], field: str) -> str:
    return str(node.get(field, {}).get("value", ""))


def test_every_control_has_a_name_in_every_view(shown: Page) -> None:
    page = shown
    for view in VIEWS:
        open_view(page, view)
        nodes = accessible(page)
        controls = [node for node in nodes if said(node, "role").lower() in NAMED]
        assert len(controls) > 20
        assert [said(node, "role") for node in controls if not said(node, "name").strip()] == [], view
    roles = Counter(said(node, "role") for node in nodes)
    assert roles["main"] == roles["banner"] == roles["contentinfo"] == 1
    assert roles["tab"] == len(VIEWS)
    levels = page.locator("h1, h2, h3").evaluate_all("all => all.map(one => Number(one.tagName[1]))")
    assert levels.count(1) == 1
    assert all(later - former <= 1 for former, later in itertools.pairwise(levels))


def test_ids_are_given_once_and_references_meet(shown: Page) -> None:
    page = shown
    ids = page.locator("[id]").evaluate_all("all => all.map(one => one.id)")
    assert [name for name, count in Counter(ids).items() if count > 1] == []
    for attribute in ("for", "aria-labelledby", "aria-describedby", "aria-controls"):
        lists = page.locator(f"[{attribute}]").evaluate_all(
            f"all => all.map(one => one.getAttribute('{attribute}'))"
        )
        assert {name for names in lists for name in names.split()} <= set(ids), attribute
    assert page.locator("[tabindex]:not([tabindex='0']):not([tabindex='-1'])").count() == 0
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.locator("img:not([alt])").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_readable_in_light_and_dark(shown: Page, scheme: Any) -> None:
    page = shown
    page.emulate_media(color_scheme=scheme)
    page.locator("summary").first.click()
    for view in VIEWS:
        open_view(page, view)
        seen = page.evaluate(SEEN)
        assert seen["written"] > 40
        assert seen["faint"] == [], view
        assert (seen["background"] < 0.1) == (scheme == "dark")


def test_a_problem_is_readable_too(page: Page, server: httpx.Client) -> None:
    visit(page, server)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.locator("#file").set_input_files({"name": "a.txt", "mimeType": "text/plain", "buffer": b"text"})
        expect(page.locator("#problem")).to_be_visible()
        assert page.evaluate(SEEN)["faint"] == []


@pytest.mark.parametrize(
    ("width", "font"), [(320, "as it is"), (320, "wide"), (320, "narrow"), (360, "as it is")]
)
def test_nothing_is_wider_than_a_telephone_or_too_small_for_a_finger(
    shown: Page, width: int, font: str
) -> None:
    page = shown
    page.set_viewport_size({"width": width, "height": 740})
    page.evaluate(SET_FONT, FONTS[font])
    page.locator("summary").first.click()
    for view in VIEWS:
        open_view(page, view)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, view
        assert page.evaluate(SEEN)["small"] == []
    assert page.locator("#budget").is_visible()


TEXT_WIDTH = """link => {
  const text = document.createRange();
  text.selectNodeContents(link);
  return text.getBoundingClientRect().width;
}"""


def test_fonts_are_wide_and_narrow(shown: Page) -> None:
    link = shown.locator("nav a")
    widths = []
    for css in FONTS.values():
        shown.evaluate(SET_FONT, css)
        # Of the text: the link is never narrower than a finger's target.
        widths.append(link.evaluate(TEXT_WIDTH))
    usual, wide, narrow = widths
    assert narrow < usual < wide


def focus_order(page: Page) -> list[dict[str, Any]]:
    """Each stop of the Tab key from the top of the page to its end."""
    page.locator("body").evaluate("() => document.activeElement.blur()")
    stops: list[dict[str, Any]] = []
    while len(stops) < 120:
        page.keyboard.press("Tab")
        stop = page.evaluate(FOCUSED)
        if (stops and stop["name"] == stops[0]["name"]) or page.evaluate(
            "document.activeElement === document.body"
        ):
            return stops
        stops.append(stop)
    raise AssertionError("the Tab key never gets to the end")


def test_the_tab_key_gets_everywhere_and_shows_where_it_is(page: Page, server: httpx.Client) -> None:
    visit(page, server)
    stops = focus_order(page)
    names = [stop["name"] for stop in stops]
    for name in (
        "file",
        "camera",
        "room.jpg",
        "budget",
        "view-maps",
        "map-depth",
        "curve-metric",
        "copy-curl",
    ):
        assert name in names
    assert names.index("budget") < names.index("view-maps") < names.index("map-semantics")
    assert [stop["name"] for stop in stops if not stop["seen"]] == []


def test_all_of_it_works_by_keyboard_alone(page: Page, server: httpx.Client) -> None:
    visit(page, server)

    def go_to(name: str) -> None:
        for _ in range(120):
            if page.evaluate(FOCUSED)["name"] == name:
                return
            page.keyboard.press("Tab")
        raise AssertionError(f"the Tab key does not get to {name}")

    go_to("coffee.jpg")
    page.keyboard.press("Enter")
    until(page, lambda: "coffee.jpg" in command_line(page))
    go_to("budget")
    page.keyboard.press("Home")
    page.keyboard.press("PageUp")
    budget = f"{float(page.locator('#budget').input_value()):g}"
    answered(page, budget=budget)
    go_to("view-maps")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#panel-overlay")).to_be_visible()
    go_to("overlay-opacity")
    page.keyboard.press("End")
    expect(page.locator("#overlay-opacity")).to_have_value("1")
    go_to("overlay-canvas")
    page.keyboard.press("ArrowRight")
    assert readout(page)["depth"].endswith(" m")
    page.locator("#view-overlay").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#panel-compare")).to_be_visible()
    page.keyboard.press("End")
    expect(page.locator("#panel-cloud")).to_be_visible()
    go_to("cloud")
    page.keyboard.press("ArrowLeft")
    # Arrow keys turn the points instead of moving the page.
    top = page.evaluate("scrollY")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("scrollY") == top


def test_a_visitor_who_wants_no_motion_gets_none(page: Page, server: httpx.Client) -> None:
    page.emulate_media(reduced_motion="reduce")
    visit(page, server)
    page.locator("#budget").fill("0.6")
    moving = "document.getAnimations().filter(one => one.playState === 'running').length"
    assert page.evaluate(moving) == 0
    answered(page, budget="0.6")


def test_text_too_faint_or_targets_too_small_would_be_seen_by_these_tests(
    page: Page, server: httpx.Client
) -> None:
    visit(page, server)
    page.locator("h1").evaluate("title => { title.style.color = 'rgb(128 128 128 / .5)'; }")
    page.locator("#camera").evaluate("button => { button.style.cssText = 'min-height: 0; height: 20px'; }")
    seen = page.evaluate(SEEN)
    assert len(seen["faint"]) == 1 and seen["faint"][0].startswith("pag-parse")
    assert seen["small"] == ["camera"]
