"""A browser, a page in it that must not complain, and the whole server with the real model."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from benchmarks.chromium import FLAGS, MISSING, find_chromium
from tests.support.page.visiting import open_view, visit
from tests.support.page.watch import Watch, watch_of
from tests.support.servers import PATIENT, Process, running_server
from tests.support.tiny_model import SMALL, write_model

ROOT = Path(__file__).parents[2]
# Only against hanging for ever: the machine may be very busy.
GUARD_MS = 60_000
# A tenth of a second or two on one thread.
SLOW_NODES = 150
WINDOW = {"width": 1280, "height": 900}
# What the visitor opened is closed, and the focus where a new visitor has it.
AS_IT_CAME = """() => {
  document.activeElement.blur();
  for (const one of document.querySelectorAll("details")) one.open = false;
  document.adoptedStyleSheets = [];
  scrollTo(0, 0);
}"""
PERMISSIONS = ["camera", "clipboard-read", "clipboard-write"]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    executable = find_chromium()
    if executable is None and os.environ.get("PAG_REQUIRE_BROWSER"):
        pytest.fail(MISSING)
    if executable is None:
        pytest.skip(MISSING)
    expect.set_options(timeout=GUARD_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(FLAGS))
        yield browser
        browser.close()


@contextmanager
def watched(browser: Browser) -> Iterator[BrowserContext]:
    """A new visitor, watched."""
    with browser.new_context(viewport=WINDOW, permissions=PERMISSIONS) as context:
        context.set_default_timeout(GUARD_MS)
        context.pag_watch = Watch(context)  # type: ignore[attr-defined]
        yield context


@pytest.fixture(scope="package")
def _visitor(browser: Browser) -> Iterator[BrowserContext]:
    """One who comes for every test: a visitor of its own is dear to Chromium, and the page keeps nothing."""
    with watched(browser) as context:
        yield context


@pytest.fixture
def page(_visitor: BrowserContext) -> Iterator[Page]:
    """A new page; at the end nothing may have been complained of, and no other host reached."""
    with _visitor.new_page() as page:
        watch = watch_of(page)
        watch.forget()
        yield page
        _visitor.set_offline(False)
    watch.assert_clean()


@pytest.fixture(scope="package")
def _shown(browser: Browser, server: httpx.Client) -> Iterator[Page]:
    with watched(browser) as context:
        page = context.new_page()
        visit(page, server)
        yield page


@pytest.fixture
def shown(_shown: Page) -> Iterator[Page]:
    """A page with its first maps, opened once: for tests that only look, point and choose views."""
    yield _shown
    watch_of(_shown).assert_clean()
    _shown.emulate_media(color_scheme="null", reduced_motion="null")
    _shown.set_viewport_size(WINDOW)
    open_view(_shown, "maps")
    _shown.mouse.move(0, 0)
    _shown.evaluate(AS_IT_CAME)


@pytest.fixture(scope="package")
def server(shipped_server: httpx.Client) -> httpx.Client:
    """Client of the whole server with the model that comes with it."""
    return shipped_server


@pytest.fixture(scope="package")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Client of a server whose network takes its time, in a process of its own: crowds send from this one."""
    root = tmp_path_factory.mktemp("slow")
    write_model(root, slow_nodes=SLOW_NODES, slow_pixels=SMALL)
    # One thread: the browser has to go on beside it.
    one = {"PAG_THREADS": "1", "PAG_WORKERS": "1"}
    alone = {"PAG_BROWNOUT": "false", "PAG_MAX_WAIT_SECONDS": "600", "PAG_LOG_LEVEL": "error"}
    with Process(PAG_WEIGHTS=str(root), **one, **alone) as slow:
        yield slow.client


@pytest.fixture(scope="package")
def guarded(weights: Path) -> Iterator[httpx.Client]:
    """Client of a server that requires a key, of which `secret` is one."""
    with running_server(weights=weights, api_keys="other,secret", **PATIENT) as client:
        yield client
