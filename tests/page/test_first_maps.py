"""From opening the page to maps: at once by itself, then of a file, a drop, the clipboard, a sample."""

from __future__ import annotations

from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.support.page.visiting import (
    COFFEE,
    FIRST_BUDGET,
    MAPS,
    ROOM,
    answered,
    hand_over,
    palette,
    parsed_directly,
    pixels,
    visit,
)
from tests.support.photographs import encoded, picture

SMALL = encoded(picture(96, 128))


def test_maps_are_there_without_a_click(page: Page, server: httpx.Client) -> None:
    page.goto(str(server.base_url))
    # A budget at which the map of what was computed has something to show.
    answered(page, budget=FIRST_BUDGET)
    for canvas in ("#photograph", *(f"#map-{name}" for name in MAPS.split(","))):
        assert (pixels(page.locator(canvas))[..., 3] == 255).all(), canvas
    assert len(np.unique(pixels(page.locator("#map-computed")).reshape(-1, 4), axis=0)) > 2
    assert len(np.unique(pixels(page.locator("#map-depth")).reshape(-1, 4), axis=0)) > 50
    expect(page.locator("#problem")).to_be_hidden()
    expect(page.locator("#status")).to_contain_text("multiply-adds")


def test_classes_and_vectors_are_drawn_as_they_were_answered(shown: Page, server: httpx.Client) -> None:
    maps = parsed_directly(server, ROOM.read_bytes())
    expected = palette(server)[maps["semantics"]]
    np.testing.assert_array_equal(pixels(shown.locator("#map-semantics"))[..., :3], expected)
    drawn = pixels(shown.locator("#map-normals"))[..., :3].astype(float)
    # Half a level of rounding.
    np.testing.assert_allclose(drawn / 127.5 - 1, maps["normals"], atol=0.5 / 127.5 + 1e-3)


def test_a_share_is_brighter_where_more_was_computed(shown: Page, server: httpx.Client) -> None:
    computed = parsed_directly(server, ROOM.read_bytes())["computed"]
    drawn = pixels(shown.locator("#map-computed"))[..., :3].sum(axis=2)
    assert computed.max() > computed.min()
    assert drawn[computed > np.median(computed)].min() >= drawn[computed <= np.median(computed)].max()


def test_the_photograph_shown_is_the_one_sent(page: Page, server: httpx.Client) -> None:
    visit(page, server)
    page.locator("#file").set_input_files({"name": "mine.png", "mimeType": "image/png", "buffer": SMALL})
    expect(page.locator("#curl")).to_contain_text("mine.png")
    np.testing.assert_array_equal(pixels(page.locator("#photograph"))[..., :3], picture(96, 128))


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_a_photograph_can_be_dropped_or_pasted(page: Page, server: httpx.Client, kind: str) -> None:
    visit(page, server)
    hand_over(page, kind, f"{kind}ed.png", SMALL)
    expect(page.locator("#curl")).to_contain_text(f"{kind}ed.png")
    maps = parsed_directly(server, SMALL)
    expected = palette(server)[maps["semantics"]]
    np.testing.assert_array_equal(pixels(page.locator("#map-semantics"))[..., :3], expected)


def test_the_same_file_can_be_chosen_again(page: Page, server: httpx.Client, tmp_path: Path) -> None:
    visit(page, server)
    file = tmp_path / "changing.png"
    for height in (64, 96):
        file.write_bytes(encoded(picture(height, 64)))
        page.locator("#file").set_input_files(file)
        expect(page.locator("#map-semantics")).to_have_js_property("height", height)


def test_each_sample_is_a_click_away_and_its_licence_is_said(page: Page, server: httpx.Client) -> None:
    visit(page, server)
    samples = page.locator("#samples button[data-sample]")
    assert samples.count() >= 2
    page.locator("#samples button[data-sample='coffee.jpg']").click()
    expect(page.locator("#curl")).to_contain_text("coffee.jpg")
    sent = page.locator("#photograph")
    expect(sent).to_have_js_property("width", 600)
    assert "CC0" in page.locator("body").inner_text()
    assert COFFEE.stat().st_size < 200_000


def test_a_large_photograph_is_asked_for_at_the_size_of_the_network(page: Page, server: httpx.Client) -> None:
    visit(page, server)
    large = encoded(picture(1500, 2000), "JPEG")
    page.locator("#file").set_input_files({"name": "large.jpg", "mimeType": "image/jpeg", "buffer": large})
    expect(page.locator("#curl")).to_contain_text("large.jpg")
    answered(page, size="model", maps=MAPS)
    assert page.locator("#map-semantics").evaluate("canvas => canvas.width") < 1000


def test_a_photograph_turned_by_its_exif_is_shown_as_its_maps_are(page: Page, server: httpx.Client) -> None:
    visit(page, server)
    from PIL import Image  # noqa: PLC0415

    exif = Image.Exif()
    exif[0x0112] = 6
    turned = encoded(picture(96, 160), "JPEG", exif=exif.tobytes(), quality=95)
    page.locator("#file").set_input_files({"name": "turned.jpg", "mimeType": "image/jpeg", "buffer": turned})
    expect(page.locator("#curl")).to_contain_text("turned.jpg")
    for canvas in ("#photograph", "#map-depth"):
        assert pixels(page.locator(canvas)).shape == (160, 96, 4)
    shown = pixels(page.locator("#photograph"))[..., :3].astype(int)
    assert abs(shown - np.rot90(picture(96, 160), -1)).mean() < 8


def test_what_is_transparent_is_shown_as_the_server_saw_it(page: Page, server: httpx.Client) -> None:
    visit(page, server)
    clear = cv2.imencode(".png", np.zeros((64, 64, 4), np.uint8))[1].tobytes()
    page.locator("#file").set_input_files({"name": "clear.png", "mimeType": "image/png", "buffer": clear})
    expect(page.locator("#curl")).to_contain_text("clear.png")
    assert (pixels(page.locator("#photograph")) == 255).all()
