"""The documentation page works without the internet: all that it loads comes from this server."""

from __future__ import annotations

import re
from importlib.metadata import version

import httpx


def test_the_page_loads_nothing_from_elsewhere(client: httpx.Client) -> None:
    page = client.get("/docs").text
    loaded = re.findall(r"""(?:src|href)=["']([^"']+)["']""", page)
    assert len(loaded) >= 3
    for path in loaded:
        assert path.startswith("/docs/static/"), path
        assert client.get(path).status_code == 200
    assert "/openapi.json" in page
    assert not re.search(r"https?://(?!127\.0\.0\.1)", page)


def test_there_is_one_page_and_one_version(client: httpx.Client) -> None:
    assert client.get("/redoc").status_code == 404
    assert client.get("/openapi.json").json()["info"]["version"] == version("pag-parse")
