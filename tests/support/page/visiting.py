"""A visitor of the page: what one does and sees, in words of the page."""

from __future__ import annotations

import base64
import functools
import io
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import cv2
import httpx
import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Locator, Page, expect

from service.routes.page import FOLDER
from tests.support.photographs import PHOTO

ROOM = FOLDER / "samples/room.jpg"
COFFEE = FOLDER / "samples/coffee.jpg"
MAPS = "semantics,depth,normals,computed"
# The budget of a page's first maps.
FIRST_BUDGET = "0.5"
# Only against hanging for ever: the machine may be very busy.
GUARD_SECONDS = 60
CROWD = 4
VIEWS = ("maps", "overlay", "compare", "cloud")


def visit(page: Page, server: httpx.Client, budget: str = FIRST_BUDGET) -> None:
    """Open the page, wait for its first maps, and choose `budget` where it is another than theirs."""
    page.goto(str(server.base_url))
    answered(page)
    if budget != FIRST_BUDGET:
        choose_budget(page, budget)


def answered(page: Page, **query: str) -> None:
    """Wait until maps are shown that were requested with `query`: the command line tells."""
    wanted = [re.compile(rf"[?&]{name}={re.escape(value)}(&|'|\s|$)") for name, value in query.items()]
    until(page, lambda: all(part.search(command_line(page)) for part in wanted or [re.compile("/parse\\?")]))


def command_line(page: Page) -> str:
    """What was just done, as the page offers it to be copied."""
    return page.locator("#curl").text_content() or ""


def until(page: Page, happened: Callable[[], bool]) -> None:
    """Return once `happened`; Playwright's own waiting looks once a second at the end."""
    end = time.monotonic() + GUARD_SECONDS
    while not happened():
        assert time.monotonic() < end, f"waited in vain; the page says: {page.locator('#stage').inner_text()}"
        page.wait_for_timeout(20)


def choose_budget(page: Page, budget: str) -> None:
    """Move the slider and wait for its maps."""
    page.locator("#budget").fill(budget)
    answered(page, budget=budget)


def open_view(page: Page, view: str) -> None:
    """Press one of the tabs."""
    page.locator(f"#view-{view}").click()
    expect(page.locator(f"#view-{view}")).to_have_attribute("aria-selected", "true")


@contextmanager
def crowded(server: httpx.Client) -> Iterator[None]:
    """Within: others send requests to the server, without a pause."""
    left = threading.Event()

    def send() -> None:
        while not left.is_set():
            server.post("/parse", content=PHOTO)

    with ThreadPoolExecutor(CROWD) as pool:
        for _ in range(CROWD):
            pool.submit(send)
        try:
            yield
        finally:
            left.set()


def pixels(canvas: Locator) -> NDArray[np.uint8]:
    """What a canvas holds, RGBA [H,W,4]."""
    address = canvas.evaluate("canvas => canvas.toDataURL('image/png')")
    stored = np.frombuffer(base64.b64decode(address.partition("base64,")[2]), np.uint8)
    return np.asarray(cv2.cvtColor(cv2.imdecode(stored, cv2.IMREAD_UNCHANGED), cv2.COLOR_BGRA2RGBA))


def picture_of(locator: Locator) -> NDArray[np.uint8]:
    """What is seen of an element, RGB [H,W,3]."""
    stored = np.frombuffer(locator.screenshot(), np.uint8)
    return np.asarray(cv2.imdecode(stored, cv2.IMREAD_COLOR_RGB))


def readout(page: Page) -> dict[str, str]:
    """Each value under the cursor by its name."""
    fields = page.locator("#readout [data-value]").evaluate_all(
        "all => all.map(one => [one.dataset.value, one.querySelector('dd').textContent])"
    )
    return dict(fields)


@functools.cache
def parsed_directly(
    server: httpx.Client, photo: bytes, budget: str = FIRST_BUDGET, maps: str = MAPS, **query: str
) -> dict[str, NDArray[Any]]:
    """The arrays that the server answers to a client that is no browser."""
    params = {"maps": maps, "budget": budget, **query}
    answer = server.post("/parse", params=params, content=photo, headers={"Accept": "application/x-npz"})
    answer.raise_for_status()
    with np.load(io.BytesIO(answer.content)) as archive:
        return dict(archive)


def palette(server: httpx.Client) -> NDArray[np.uint8]:
    """Colours [256,3] of the classes of the server's default model."""
    colours = np.zeros((256, 3), np.uint8)
    for entry in classes(server):
        colours[entry["id"]] = entry["color"]
    return colours


def class_names(server: httpx.Client) -> dict[int, str]:
    """Names by class id."""
    return {entry["id"]: entry["name"] for entry in classes(server)}


def classes(server: httpx.Client) -> list[dict[str, Any]]:
    """The classes of the server's default model: id, name, color."""
    return next(entry["classes"] for entry in default_model(server)["maps"] if entry["kind"] == "labels")


@functools.cache
def default_model(server: httpx.Client) -> dict[str, Any]:
    """The entry of GET /models that answers by default."""
    return next(entry for entry in server.get("/models").json()["models"] if entry["default"])


HAND_OVER = """([kind, name, text]) => {
  const bytes = Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
  const data = new DataTransfer();
  data.items.add(new File([bytes], name));
  const event = kind === "paste"
    ? new ClipboardEvent(kind, {clipboardData: data, bubbles: true, cancelable: true})
    : new DragEvent(kind, {dataTransfer: data, bubbles: true, cancelable: true});
  document.querySelector("#drop").dispatchEvent(event);
}"""


def hand_over(page: Page, kind: str, name: str, content: bytes) -> None:
    """Drop or paste a file, as a browser tells a page of it."""
    page.evaluate(HAND_OVER, [kind, name, base64.b64encode(content).decode()])
