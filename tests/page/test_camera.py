"""The camera: frames over /stream, maps that keep coming, and an end."""

from __future__ import annotations

from pathlib import Path

import httpx
from playwright.sync_api import Page, expect

from tests.support.page.visiting import answered, open_view, pixels, readout, until, visit
from tests.support.servers import PATIENT, running_server


def rate(page: Page) -> float:
    """Frames per second as shown; 0 while there are none."""
    text = page.locator("#frames-per-second").inner_text()
    return float(text) if text[:1].isdigit() else 0.0


def changes(page: Page, canvas: str) -> None:
    """Wait until a canvas shows something else."""
    before = pixels(page.locator(canvas))
    until(page, lambda: bool((pixels(page.locator(canvas)) != before).any()))


def test_a_camera_streams_at_the_budget_chosen_until_it_is_stopped(page: Page, server: httpx.Client) -> None:
    visit(page, server)
    page.locator("#budget").fill("0.3")
    camera = page.locator("#camera")
    camera.click()
    until(page, lambda: rate(page) > 0)
    until(page, lambda: page.locator("#used").inner_text() == "0.30")
    expect(camera).to_have_attribute("aria-pressed", "true")
    changes(page, "#photograph")
    page.locator("#budget").fill("0.2")
    until(page, lambda: page.locator("#used").inner_text() == "0.20")
    page.locator("#map-depth").hover()
    assert readout(page)["depth"].endswith(" m")
    open_view(page, "overlay")
    changes(page, "#overlay-canvas")
    camera.click()
    expect(camera).to_have_attribute("aria-pressed", "false")
    expect(page.locator("#frames-per-second")).to_be_hidden()
    assert page.locator("#video").evaluate("video => video.srcObject") is None


def test_a_photograph_takes_the_cameras_place(page: Page, server: httpx.Client) -> None:
    visit(page, server)
    page.locator("#camera").click()
    until(page, lambda: rate(page) > 0)
    page.locator("#samples button[data-sample='coffee.jpg']").click()
    expect(page.locator("#camera")).to_have_attribute("aria-pressed", "false")
    until(page, lambda: "coffee.jpg" in (page.locator("#curl").text_content() or ""))
    answered(page, size="input")
    expect(page.locator("#problem")).to_be_hidden()


def test_a_key_opens_the_stream_too(page: Page, guarded: httpx.Client) -> None:
    page.goto(str(guarded.base_url))
    page.locator("#key").fill("secret")
    page.locator("#key").press("Enter")
    answered(page)
    page.locator("#camera").click()
    until(page, lambda: rate(page) > 0)


def while_connecting(action: str) -> str:
    """A script that does `action` between the call that opens a stream and its answer."""
    return f"""window.sockets = [];
    window.WebSocket = class extends WebSocket {{
      constructor(...all) {{
        super(...all);
        sockets.push(this);
        queueMicrotask(() => {{ {action}; }});
      }}
    }};"""


def test_a_budget_chosen_before_the_stream_is_open_counts(page: Page, server: httpx.Client) -> None:
    slider = """const slider = document.querySelector("#budget");
      slider.value = 0.2;
      slider.dispatchEvent(new Event("input"))"""
    page.add_init_script(while_connecting(slider))
    visit(page, server)
    page.locator("#camera").click()
    until(page, lambda: page.locator("#used").inner_text() == "0.20")


def test_a_stream_that_is_stopped_before_it_is_open_is_closed_once_it_is(
    page: Page, server: httpx.Client
) -> None:
    page.add_init_script(while_connecting("""document.querySelector("#camera").click()"""))
    visit(page, server)
    page.locator("#camera").click()
    until(page, lambda: bool(page.evaluate("sockets.some(one => one.readyState === WebSocket.CLOSED)")))
    assert page.evaluate("sockets.length") == 1
    expect(page.locator("#status")).to_have_text("Camera stopped")
    expect(page.locator("#problem")).to_be_hidden()


def test_a_camera_that_is_not_allowed_is_explained(page: Page, server: httpx.Client) -> None:
    page.add_init_script(
        """navigator.mediaDevices.getUserMedia =
          () => Promise.reject(new DOMException("no", "NotAllowedError"));"""
    )
    visit(page, server)
    page.locator("#camera").click()
    expect(page.locator("#problem")).to_contain_text("Allow it")
    expect(page.locator("#camera")).to_have_attribute("aria-pressed", "false")


def test_a_camera_that_comes_after_stop_is_given_back(page: Page, server: httpx.Client) -> None:
    page.add_init_script(
        """const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        window.tracks = [];
        navigator.mediaDevices.getUserMedia = async (wanted) => {
          await new Promise((done) => setTimeout(done, 500));
          const stream = await ask(wanted);
          tracks.push(...stream.getTracks());
          return stream;
        };"""
    )
    visit(page, server)
    camera = page.locator("#camera")
    for _ in range(3):
        camera.click()
    until(page, lambda: rate(page) > 0)
    until(page, lambda: page.locator("#status").inner_text() == "Streaming from the camera")
    tracks = "tracks.map(track => track.readyState)"
    assert page.evaluate(tracks) == ["ended", "live"]
    camera.click()
    assert page.evaluate(tracks) == ["ended", "ended"]
    page.wait_for_timeout(400)
    assert page.locator("#status").inner_text() == "Camera stopped"


def test_a_stream_that_ended_is_started_again(page: Page, weights: Path) -> None:
    with running_server(weights=weights, **PATIENT) as first:
        visit(page, first)
        port = first.base_url.port
        page.locator("#camera").click()
        until(page, lambda: rate(page) > 0)
    problem = page.locator("#problem")
    expect(problem).to_contain_text("The stream ended")
    assert ".." not in problem.inner_text()
    with running_server(weights=weights, port=port, **PATIENT):
        problem.get_by_role("button", name="Try again").click()
        until(page, lambda: rate(page) > 0)
        expect(page.locator("#camera")).to_have_attribute("aria-pressed", "true")
        page.locator("#camera").click()
