"""The other views: the overlay, two budgets compared, distances as points in space."""

from __future__ import annotations

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Locator, Page, expect

from tests.support.page.visiting import (
    ROOM,
    answered,
    choose_budget,
    open_view,
    palette,
    parsed_directly,
    picture_of,
    pixels,
    until,
    visit,
)
from tests.support.photographs import encoded, picture


def test_the_overlay_blends_photograph_and_map(shown: Page, server: httpx.Client) -> None:
    page = shown
    photograph = pixels(page.locator("#photograph"))[..., :3].astype(float)
    open_view(page, "overlay")
    canvas = page.locator("#overlay-canvas")
    page.locator("#overlay-names").uncheck()
    colours = palette(server)[parsed_directly(server, ROOM.read_bytes())["semantics"]]
    for opacity in (0.0, 0.4, 1.0):
        page.locator("#overlay-opacity").fill(str(opacity))
        expected = (1 - opacity) * photograph + opacity * colours
        np.testing.assert_allclose(pixels(canvas)[..., :3], expected, atol=2)
    shown = []
    for name in ("semantics", "depth", "normals", "computed"):
        page.locator("#overlay-map").select_option(name)
        shown.append(pixels(canvas).tobytes())
    assert len(set(shown)) == 4
    page.locator("#overlay-map").select_option("semantics")
    bare = pixels(canvas)
    page.locator("#overlay-names").check()
    assert (pixels(canvas) != bare).any()


def test_a_name_stands_on_its_own_region(shown: Page) -> None:
    # A disc of class 1 on class 0, and a speck of class 2.
    places = shown.evaluate("""async () => {
      const [width, height] = [60, 40];
      const values = new Uint8Array(width * height);
      for (let y = 0; y < height; y += 1) {
        for (let x = 0; x < width; x += 1) values[y * width + x] = Math.hypot(x - 40, y - 20) < 12 ? 1 : 0;
      }
      values[3 * width + 3] = 2;
      const classes = ["wall", "lamp", "dust", "unseen"].map((name, id) => ({ id, name }));
      return (await import("/page/names.js")).placesOf({ values, classes }, width);
    }""")
    found = {place["name"]: place for place in places}
    assert list(found) == ["wall", "lamp", "dust"]
    assert abs(found["lamp"]["x"] - 40) <= 1 and abs(found["lamp"]["y"] - 20) <= 1
    # Steps along the axes and across them measure a circle to a tenth.
    assert found["lamp"]["reach"] == pytest.approx(12, rel=0.1)
    assert found["dust"]["reach"] == 1
    assert found["wall"]["x"] < 28


def test_the_address_leads_back_to_what_is_seen(page: Page, server: httpx.Client) -> None:
    page.goto(f"{server.base_url}/#budget=0.3&view=overlay&sample=coffee.jpg")
    answered(page, budget="0.3")
    expect(page.locator("#view-overlay")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#source")).to_contain_text("coffee.jpg")
    open_view(page, "maps")
    choose_budget(page, "0.6")
    assert page.url.partition("#")[2] == "budget=0.6&sample=coffee.jpg"
    page.locator("[data-sample='room.jpg']").click()
    expect(page.locator("#source")).to_contain_text("room.jpg")
    assert page.url.endswith("sample=room.jpg")


def test_nonsense_in_the_address_is_passed_over(page: Page, server: httpx.Client) -> None:
    page.goto(f"{server.base_url}/#budget=7&view=no&sample=../../etc/passwd&model=x&more")
    answered(page, budget="0.5")
    expect(page.locator("#source")).to_contain_text("room.jpg")


def compared(page: Page) -> tuple[Locator, Locator]:
    """The two pictures of the comparison."""
    pictures = page.locator("#compare canvas")
    assert pictures.count() == 2
    return pictures.first, pictures.last


def test_two_budgets_are_compared(page: Page, server: httpx.Client) -> None:
    visit(page, server)
    open_view(page, "compare")
    page.locator("#compare-left").fill("0.2")
    page.locator("#compare-right").fill("0.9")
    expect(page.locator("#compare")).to_contain_text("Budget 0.20")
    expect(page.locator("#compare")).to_contain_text("Budget 0.90")
    for canvas, budget in zip(compared(page), ("0.2", "0.9"), strict=True):
        maps = parsed_directly(server, ROOM.read_bytes(), budget=budget)
        drawn = pixels(canvas)[..., :3]
        np.testing.assert_array_equal(drawn, palette(server)[maps["semantics"]], err_msg=budget)
    before = pixels(compared(page)[0])
    page.locator("#compare-map").select_option("depth")
    until(page, lambda: bool((pixels(compared(page)[0]) != before).any()))


def test_the_divider_moves_by_keys_and_by_pointer(page: Page, server: httpx.Client) -> None:
    visit(page, server)
    open_view(page, "compare")
    expect(page.locator("#compare")).to_contain_text("Budget 1.00")
    divider = page.locator("#compare").get_by_role("slider")
    # Where the left picture differs, it is seen up to the divider: a strip of the right one turns into it.
    first = picture_of(page.locator("#compare"))
    divider.press("End")
    only_left = picture_of(page.locator("#compare"))
    divider.press("Home")
    only_right = picture_of(page.locator("#compare"))
    assert (only_left != only_right).mean() > 0.02
    assert (first != only_left).any() and (first != only_right).any()
    assert (divider.get_attribute("aria-valuetext") or "").startswith("0 % Budget 0.20")
    box = compared(page)[0].bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 5, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + 60, steps=4)
    page.mouse.up()
    assert float(divider.input_value()) == pytest.approx(75, abs=1)


def open_cloud(page: Page, server: httpx.Client) -> Locator:
    """The cloud of a small picture, which is drawn quickly without a graphics card too."""
    visit(page, server)
    small = encoded(picture(120, 160))
    page.locator("#file").set_input_files({"name": "small.png", "mimeType": "image/png", "buffer": small})
    expect(page.locator("#curl")).to_contain_text("small.png")
    open_view(page, "cloud")
    return page.locator("#cloud")


def colours_of(seen: NDArray[np.uint8]) -> int:
    """How many colours there are."""
    return len(np.unique(seen.reshape(-1, 3), axis=0))


def seen(cloud: Locator) -> NDArray[np.uint8]:
    """The cloud, once it is drawn."""
    cloud.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return picture_of(cloud)


def test_the_cloud_is_turned_by_keys_drag_and_wheel_and_reset(page: Page, server: httpx.Client) -> None:
    cloud = open_cloud(page, server)
    start = seen(cloud)
    assert colours_of(start) > 1000
    cloud.focus()
    steps = []
    for key in ("ArrowLeft", "ArrowUp", "+"):
        page.keyboard.press(key)
        steps.append(seen(cloud))
    assert all((step != other).any() for step, other in zip(steps, [start, *steps], strict=False))
    page.locator("#cloud-reset").click()
    assert (seen(cloud) == start).mean() > 0.98
    box = cloud.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 200, box["y"] + 150)
    page.mouse.down()
    page.mouse.move(box["x"] + 320, box["y"] + 150, steps=4)
    page.mouse.up()
    dragged = seen(cloud)
    assert (dragged != start).mean() > 0.1
    page.mouse.wheel(0, -300)
    assert (seen(cloud) != dragged).mean() > 0.1


def test_the_cloud_is_coloured_by_class_on_request(page: Page, server: httpx.Client) -> None:
    cloud = open_cloud(page, server)
    before = colours_of(seen(cloud))
    page.locator("#cloud-colour").select_option("semantics")
    assert 3 < colours_of(seen(cloud)) < before / 2


def test_the_cloud_comes_back_after_a_lost_context(page: Page, server: httpx.Client) -> None:
    cloud = open_cloud(page, server)
    before = seen(cloud)
    cloud.evaluate(
        """canvas => new Promise(done => {
          const gl = canvas.getContext("webgl2"), lose = gl.getExtension("WEBGL_lose_context");
          canvas.addEventListener("webglcontextlost", () => setTimeout(() => lose.restoreContext()));
          canvas.addEventListener("webglcontextrestored", () => setTimeout(done, 50));
          lose.loseContext();
        })"""
    )
    assert (seen(cloud) == before).mean() > 0.98


def test_nothing_is_drawn_while_nothing_changes(page: Page, server: httpx.Client) -> None:
    seen(open_cloud(page, server))
    drawn = page.evaluate(
        """() => new Promise(done => {
          const gl = WebGL2RenderingContext.prototype, draw = gl.drawArrays;
          let count = 0;
          gl.drawArrays = function (...all) { count += 1; draw.apply(this, all); };
          setTimeout(() => done(count), 300);
        })"""
    )
    assert drawn == 0


def test_a_browser_without_webgl_is_told_so(page: Page, server: httpx.Client) -> None:
    page.add_init_script(
        """const get = HTMLCanvasElement.prototype.getContext;
        HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
          return kind.startsWith("webgl") ? null : get.call(this, kind, ...rest);
        };"""
    )
    visit(page, server)
    open_view(page, "cloud")
    # A message is drawn on it, and said to those who see none.
    assert (pixels(page.locator("#cloud"))[..., 3] > 0).any()
    assert "WebGL" in (page.locator("#cloud").get_attribute("aria-label") or "")
