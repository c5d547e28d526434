"""The page as a visitor sees it, for the documents: all its views, light and dark, and on a telephone.

    python -m benchmarks.page_pictures docs/page

A real browser (see scripts/fetch_chromium.sh) before the real service with the model in weights/; the
photograph is the page's first sample.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Browser, Page, expect, sync_playwright

from benchmarks.chromium import FLAGS, MISSING, find_chromium
from benchmarks.common import parser_of
from benchmarks.running_service import running_service

DESKTOP = {"width": 1280, "height": 860}
TELEPHONE = {"width": 390, "height": 844}
QUALITY = 82
# What is drawn after an answer is there by then, and no pointer's readout is cut short.
SETTLED_MS = 500


def maps(page: Page) -> None:
    """The maps at half the compute, read where the pointer is."""
    _budget(page, "0.5")
    box = page.locator("#map-depth").bounding_box()
    assert box is not None, "the map is shown"
    page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 0.55 * box["height"])


def telephone(page: Page) -> None:
    """From the top."""
    _budget(page, "0.5")
    page.mouse.move(0, 0)


def overlay(page: Page) -> None:
    """The classes upon the photograph."""
    _budget(page, "0.5")
    page.locator("#view-overlay").click()


def comparison(page: Page) -> None:
    """A ninth of the compute beside all of it."""
    page.locator("#view-compare").click()
    page.locator("#compare-left").fill("0.11")
    page.locator("#compare-right").fill("1")
    expect(page.locator("#compare")).to_contain_text("Budget 0.11")
    expect(page.locator("#compare")).to_contain_text("Budget 1.00")


def cloud(page: Page) -> None:
    """The depth as points, from the side and above."""
    page.locator("#view-cloud").click()
    page.locator("#cloud").focus()
    for key in ("ArrowRight", "ArrowDown", "ArrowDown", "ArrowDown"):
        page.keyboard.press(key)


@dataclass(frozen=True)
class Picture:
    """One picture: its name, what is done before it, and on what."""

    name: str
    prepare: Callable[[Page], None]
    viewport: dict[str, int]
    scheme: Literal["light", "dark"] = "light"
    pixels_per_point: float = 1


PICTURES = (
    Picture("light", maps, DESKTOP),
    Picture("dark", maps, DESKTOP, "dark"),
    Picture("phone", telephone, TELEPHONE, pixels_per_point=1.5),
    Picture("overlay", overlay, DESKTOP),
    Picture("compare", comparison, DESKTOP),
    Picture("cloud", cloud, DESKTOP, "dark"),
)


def take(browser: Browser, url: str, picture: Picture, folder: Path) -> Path:
    """The file of one picture."""
    options: Any = {"viewport": picture.viewport, "device_scale_factor": picture.pixels_per_point}
    with browser.new_context(color_scheme=picture.scheme, **options) as context:
        page = context.new_page()
        page.goto(url)
        expect(page.locator("#curl")).to_contain_text("/parse?")
        picture.prepare(page)
        # A ring about what was last used is for those who use it.
        page.locator(":focus").evaluate_all("all => all.forEach(one => one.blur())")
        page.wait_for_timeout(SETTLED_MS)
        expect(page.locator("#status")).to_contain_text("multiply-adds")
        path = folder / f"{picture.name}.jpg"
        page.screenshot(path=path, type="jpeg", quality=QUALITY)
    return path


def main() -> None:
    """Runs the command line."""
    parser = parser_of(__doc__)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    executable = find_chromium()
    if executable is None:
        raise SystemExit(MISSING)
    with running_service() as service, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(FLAGS))
        for picture in PICTURES:
            print(take(browser, service.url, picture, folder))
        browser.close()


def _budget(page: Page, budget: str) -> None:
    page.locator("#budget").fill(budget)
    expect(page.locator("#curl")).to_contain_text(f"budget={budget}&")


if __name__ == "__main__":
    main()
