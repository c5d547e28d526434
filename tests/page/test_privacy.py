"""Privacy: the page keeps nothing, requests nothing of others, and runs nothing written into it."""

from __future__ import annotations

import httpx
from playwright.sync_api import Page, expect

from tests.support.page.visiting import VIEWS, choose_budget, open_view, visit
from tests.support.page.watch import watch_of

KEPT = """async () => [
  localStorage.length, sessionStorage.length, document.cookie.length, (await indexedDB.databases()).length,
  (await caches.keys()).length, (await navigator.serviceWorker.getRegistrations()).length,
]"""


def test_nothing_is_kept_and_no_other_host_is_reached(page: Page, server: httpx.Client) -> None:
    visit(page, server)
    for view in VIEWS:
        open_view(page, view)
    choose_budget(page, "0.5")
    assert page.evaluate(KEPT) == [0] * 6
    assert page.context.cookies() == []
    watch = watch_of(page)
    assert len(watch.requests) > 10
    assert watch.hosts() == {"127.0.0.1"}


def test_what_is_written_into_the_page_does_not_run(page: Page, server: httpx.Client) -> None:
    visit(page, server)
    page.evaluate(
        """() => {
          const script = document.createElement("script");
          script.textContent = "window.ran = true";
          document.body.append(script);
        }"""
    )
    assert page.evaluate("window.ran") is None
    complaints = watch_of(page).complaints
    assert any("policy script-src" in text for text in complaints)
    # They were wanted here; the watch sees them, so that it would elsewhere.
    complaints.clear()


def test_a_name_of_a_file_is_text_and_never_markup(page: Page, server: httpx.Client) -> None:
    visit(page, server)
    name = "<img src=x onerror=ran()>.png"
    page.locator("#file").set_input_files({"name": name, "mimeType": "image/png", "buffer": b"nothing"})
    expect(page.locator("#problem")).to_be_visible()
    assert page.locator("img[src=x]").count() == 0


def test_an_error_of_the_page_would_be_seen_by_these_tests(page: Page, server: httpx.Client) -> None:
    visit(page, server)
    page.evaluate("() => { setTimeout(() => { throw new Error('on purpose'); }); }")
    page.wait_for_timeout(50)
    complaints = watch_of(page).complaints
    assert any("on purpose" in text for text in complaints)
    complaints.clear()
