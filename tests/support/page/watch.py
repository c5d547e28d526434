"""The watch over a page: complaints of the browser, and its requests."""

from __future__ import annotations

from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, Response

# Of the browser about its own drawing without a graphics card; and about statuses, which are judged below.
NOT_OURS = ("GL Driver Message", "Failed to load resource")
# Policies are broken silently where a page never looks.
REPORT_VIOLATIONS = """addEventListener("securitypolicyviolation", ({violatedDirective, blockedURI}) =>
  console.error(`policy ${violatedDirective} broken by ${blockedURI}`))"""


class Watch:
    """Complaints and requests of one context."""

    def __init__(self, context: BrowserContext) -> None:
        self.complaints: list[str] = []
        self.requests: list[Request] = []
        self.aborted: list[Request] = []
        context.add_init_script(REPORT_VIOLATIONS)
        context.on("console", self._console)
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        context.on("request", lambda request: self.requests.append(request))  # noqa: PLW0108
        context.on("requestfailed", self._failed)
        context.on("response", self._response)

    def forget(self) -> None:
        """Begin anew."""
        for each in (self.complaints, self.requests, self.aborted):
            each.clear()

    def assert_clean(self) -> None:
        """Assert that nothing was complained of, and no other host reached."""
        assert self.complaints == []
        assert self.hosts() <= {"127.0.0.1"}

    def hosts(self) -> set[str | None]:
        """Every host of a request; blobs have none."""
        return {urlsplit(request.url).hostname for request in self.requests} - {None}

    def parses(self) -> list[Request]:
        """The requests for maps."""
        return [request for request in self.requests if "/parse?" in request.url]

    def _console(self, message: ConsoleMessage) -> None:
        ours = not any(part in message.text for part in NOT_OURS)
        if ours and message.type in ("error", "warning"):
            self.complaints.append(f"console: {message.text}")

    def _failed(self, request: Request) -> None:
        if request.failure == "net::ERR_ABORTED":
            self.aborted.append(request)

    def _response(self, response: Response) -> None:
        if response.request.method == "GET" and response.status in (404, 405, 500):
            self.complaints.append(f"{response.status} {response.url}")


def watch_of(page: Page) -> Watch:
    """The watch over a page made by the fixture `page`."""
    return page.context.pag_watch  # type: ignore[attr-defined, no-any-return]
