"""The page knows kinds of maps, and maps by what their models say of them alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from service.maps import KINDS
from service.routes.page import FOLDER
from tests.support.page.visiting import ROOM, answered, open_view, parsed_directly, pixels, readout, visit
from tests.support.servers import PATIENT, running_server
from tests.support.tiny_model import map_entries, write_model

# A name that stands nowhere in the code.
MADE_UP = "thin_ice"
PROBABILITY = {"name": MADE_UP, "kind": "probability", "output": "computed", "stride": 8}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Client of a server whose model has a fourth map; its others have but one each."""
    root = tmp_path_factory.mktemp("kinds")
    write_model(root, "four", maps=[*map_entries("semantics", "depth", "normals"), PROBABILITY])
    write_model(root, "lone", maps=[PROBABILITY])
    write_model(root, "far", maps=map_entries("depth"))
    with running_server(weights=root, model="four", **PATIENT) as client:
        yield client


def titles(page: Page) -> list[str]:
    """The titles of the figures."""
    return page.locator("#figures figcaption").evaluate_all(
        "all => all.map(one => one.firstChild.data.trim())"
    )


def options(page: Page, select: str) -> list[str]:
    """What a select offers."""
    return page.locator(f"{select} option").all_inner_texts()


def test_the_page_and_the_service_know_the_same_kinds(shown: Page) -> None:
    known = shown.evaluate("async () => Object.keys((await import('/page/kinds.js')).KINDS)")
    assert set(known) == set(KINDS)


def test_no_file_of_the_page_names_a_map() -> None:
    named = re.compile(r"""["'`.>](semantics|depth|normals|computed)\b""")
    found = [
        f"{path.name}: {match[0]}"
        for path in FOLDER.iterdir()
        if path.suffix in (".js", ".html", ".css")
        for match in named.finditer(path.read_text())
    ]
    assert found == []


def test_a_map_of_any_name_is_shown_read_out_and_saved(
    page: Page, models: httpx.Client, tmp_path: Path
) -> None:
    visit(page, models)
    assert titles(page) == ["Photograph", "Semantics", "Depth", "Normals", "Thin ice"]
    figure = page.locator(f"#map-{MADE_UP}").locator("xpath=ancestor::figure")
    expect(figure.locator(".key")).to_have_text("01")
    assert figure.locator(".ramp").is_visible()
    values = parsed_directly(models, ROOM.read_bytes(), maps=MADE_UP)[MADE_UP]
    page.locator(f"#map-{MADE_UP}").hover()
    assert readout(page)[MADE_UP] == f"{100 * values[240, 320]:.0f} %"
    colours = pixels(page.locator(f"#map-{MADE_UP}")).reshape(-1, 4)
    assert len(np.unique(colours, axis=0)) == len(np.unique(values))
    with page.expect_download() as caught:
        page.locator("#downloads").get_by_text(f"{MADE_UP}.png").click()
    assert caught.value.suggested_filename == f"room-{MADE_UP}.png"
    caught.value.save_as(tmp_path / "map.png")
    stored = cv2.imread(str(tmp_path / "map.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_allclose(stored / 255, values, atol=0.5 / 255)


def test_another_model_can_be_chosen(page: Page, models: httpx.Client) -> None:
    visit(page, models)
    expect(page.locator("#model")).to_have_value("four")
    page.locator("#model").select_option("far")
    answered(page, model="far", maps="depth")
    assert titles(page) == ["Photograph", "Depth"]
    # Its table has one row.
    expect(page.locator("#curve circle[data-budget]")).to_have_count(1)


def test_a_map_of_any_name_is_overlaid_and_compared(page: Page, models: httpx.Client) -> None:
    visit(page, models)
    open_view(page, "overlay")
    assert options(page, "#overlay-map") == ["Semantics", "Depth", "Normals", "Thin ice"]
    before = pixels(page.locator("#overlay-canvas"))
    page.locator("#overlay-map").select_option(MADE_UP)
    assert (pixels(page.locator("#overlay-canvas")) != before).any()
    open_view(page, "compare")
    page.locator("#compare-map").select_option(MADE_UP)
    expect(page.locator("#compare-note")).to_have_text(
        "The figures in the cards are of the main budget, 0.50."
    )


def test_a_model_with_one_map_has_what_that_map_allows(page: Page, models: httpx.Client) -> None:
    visit(page, models)
    page.locator("#model").select_option("lone")
    answered(page, model="lone", maps=MADE_UP)
    assert titles(page) == ["Photograph", "Thin ice"]
    assert page.locator("#downloads a").all_inner_texts() == [f"{MADE_UP}.png", "all as npz", "all as zip"]
    expect(page.locator("#legend")).to_be_hidden()
    open_view(page, "cloud")
    expect(page.locator("#cloud-missing")).to_have_text(
        "No 3-D view: it needs a map of distances, and lone has none."
    )
    expect(page.locator("#cloud")).to_be_hidden()
    page.locator("#model").select_option("four")
    expect(page.locator("#cloud")).to_be_visible()
    expect(page.locator("#legend")).to_be_visible()


def test_a_model_without_classes_has_points_in_the_photographs_colours(
    page: Page, models: httpx.Client
) -> None:
    visit(page, models)
    page.locator("#model").select_option("far")
    answered(page, model="far", maps="depth")
    open_view(page, "cloud")
    assert options(page, "#cloud-colour") == ["Photograph"]
    expect(page.locator("#cloud")).to_be_visible()


def test_vectors_are_told_in_the_frame_of_their_model(shown: Page) -> None:
    facing = """async ([frame, vector]) => (await import('/page/frames.js')).facing(frame, vector)"""
    usual, other = "x right, y down, z towards the camera", "x left, y up, z away from the camera"
    for frame, vector, words in (
        (usual, [0.1, -0.9, 0.4], "up"),
        (usual, [0.1, 0.2, 0.9], "the camera"),
        (other, [0.9, 0.1, 0.1], "left"),
        (other, [0.1, 0.1, -0.9], "the camera"),
        ("theta, phi", [0.1, 0.1, 0.9], ""),
    ):
        assert shown.evaluate(facing, [frame, vector]) == words
