"""Headers of every answer, paths below a proxy's prefix, and what needs a key if the settings say so."""

from __future__ import annotations

import re

import httpx
import pytest

from tests.support.photographs import PHOTO
from tests.support.servers import Shared

KEY = {"X-API-Key": "a-key"}


def answers(client: httpx.Client) -> dict[str, httpx.Response]:
    """An answer of each kind: JSON, an image, text, pages, refusals of every layer."""
    return {
        "json": client.post("/parse", content=PHOTO),
        "png": client.post("/parse?maps=depth", content=PHOTO, headers={"Accept": "image/png"}),
        "npz": client.post("/parse", content=PHOTO, headers={"Accept": "application/x-npz"}),
        "v2": client.get("/v2"),
        "metrics": client.get("/metrics"),
        "page": client.get("/"),
        "docs": client.get("/docs"),
        "script of docs": client.get("/docs/static/swagger-ui-bundle.js"),
        "openapi": client.get("/openapi.json"),
        "not found": client.get("/nowhere"),
        "wrong method": client.get("/parse"),
        "invalid": client.post("/parse?budget=2", content=PHOTO),
        "foreign": client.post("/parse", content=PHOTO, headers={"Origin": "https://evil.example"}),
        "no stream": client.get("/stream"),
    }


def test_every_answer_is_what_it_says_and_stands_in_no_frame(client: httpx.Client) -> None:
    for name, answer in answers(client).items():
        assert answer.headers.get("x-content-type-options") == "nosniff", name
        policy = answer.headers.get("content-security-policy", "")
        assert "frame-ancestors 'none'" in policy and "default-src" in policy, name


def linked(html: str) -> list[str]:
    """What the page of the documentation loads."""
    found = re.findall(r"""(?:src|href)="([^"]+)"|url: '([^']+)'""", html)
    return [first or second for first, second in found]


@pytest.mark.parametrize("prefix", ["", "/pag", "/apps/pag"])
def test_the_documentation_works_below_a_prefix(client: httpx.Client, prefix: str) -> None:
    """The proxy cuts the prefix off, as in the guide, and says so."""
    headers = {"X-Forwarded-Prefix": prefix} if prefix else {}
    links = linked(client.get("/docs", headers=headers).text)
    assert len(links) >= 3
    for link in links:
        assert link.startswith(f"{prefix}/")
        answer = client.get(link.removeprefix(prefix), headers=headers)
        assert answer.status_code == 200, link
        assert answer.content


@pytest.mark.parametrize("prefix", ["pag", "//evil.example", '/a" onload=', "/../x y", "/<script>"])
def test_what_is_no_prefix_changes_nothing(client: httpx.Client, prefix: str) -> None:
    assert client.get("/docs", headers={"X-Forwarded-Prefix": prefix}).text == client.get("/docs").text


def test_all_else_works_below_a_prefix(client: httpx.Client) -> None:
    headers = {"X-Forwarded-Prefix": "/pag"}
    assert client.post("/parse", content=PHOTO, headers=headers).status_code == 200
    assert client.get("/page/app.js", headers=headers).status_code == 200
    assert client.get("/v2/models/tiny", headers=headers).json()["name"] == "tiny"
    assert client.get("/nowhere", headers=headers).status_code == 404


def test_metrics_and_documentation_may_need_a_key(shared_server: Shared) -> None:
    closed = shared_server(api_keys="a-key", open_metrics=False, open_docs=False)
    for path in ("/metrics", "/openapi.json", "/docs", "/docs/static/swagger-ui.css"):
        assert closed.get(path).status_code == 401, path
        assert closed.get(path, headers=KEY).status_code == 200, path
    for path in ("/livez", "/readyz", "/v2/health/ready", "/"):
        assert closed.get(path).status_code == 200, path
    document = closed.get("/openapi.json", headers=KEY).json()
    assert document["paths"]["/metrics"]["get"]["security"]
    assert "security" not in document["paths"]["/livez"]["get"]


def test_they_are_open_unless_closed(shared_server: Shared) -> None:
    keyed = shared_server(api_keys="a-key")
    assert keyed.get("/metrics").status_code == keyed.get("/docs").status_code == 200
    assert keyed.get("/models").status_code == 401
