"""Heads of many tiny parts, which would take long to read, are refused; a real client's are taken."""

from __future__ import annotations

import httpx
import pytest

from tests.support.photographs import PHOTO
from tests.support.problems import assert_problem
from tests.support.servers import Process

LONG_QUERIES = {
    "many parameters": "&".join(f"a{index}=1" for index in range(100)),
    "empty parameters": "&" * 100,
    "a long value": "maps=" + "," * 5000,
}


@pytest.fixture(scope="module")
def client(server: Process) -> httpx.Client:
    return server.client


@pytest.mark.parametrize("query", LONG_QUERIES.values(), ids=LONG_QUERIES)
@pytest.mark.parametrize(("method", "path"), [("POST", "/parse"), ("GET", "/livez"), ("GET", "/nowhere")])
def test_a_long_query_is_refused_on_every_route(
    client: httpx.Client, method: str, path: str, query: str
) -> None:
    answer = client.request(method, f"{path}?{query}")
    assert_problem(answer, 414, "target-too-long", "options alone in the query")


@pytest.mark.parametrize(
    "path", ["/docs/static" + "/a" * 100, "/docs/static" + "%2Fa" * 100, "/" + "ü" * 1000]
)
def test_a_long_path_is_refused(client: httpx.Client, path: str) -> None:
    assert_problem(client.get(path), 414, "target-too-long", "The address has more than")


def test_below_v2_a_long_path_is_refused_in_its_form(client: httpx.Client) -> None:
    answer = client.get("/v2/models" + "/a" * 100)
    assert answer.status_code == 414
    assert list(answer.json()) == ["error"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("Accept", "a/b;q=0.1," * 300),
        ("Content-Type", "multipart/form-data;" + "a=b;" * 600),
        ("X-Forwarded-Prefix", "/a" * 1500),
    ],
)
def test_a_long_field_is_refused_by_name(client: httpx.Client, field: str, value: str) -> None:
    answer = client.post("/parse", content=PHOTO, headers={field: value})
    assert_problem(answer, 431, "field-too-long", field.lower())


def test_repeated_fields_count_together(client: httpx.Client) -> None:
    fields = [("Accept", "a/b;q=0.1,c/d"), ("Accept", "image/png")] * 100
    assert_problem(client.post("/parse", content=PHOTO, headers=fields), 431, "field-too-long", "accept")


def test_what_browsers_and_proxies_send_is_taken(client: httpx.Client) -> None:
    fields = {
        "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
        "Authorization": "Bearer " + "a" * 6000,
        "Cookie": "; ".join(f"name{index}=value" for index in range(300)),
        "X-Forwarded-For": "203.0.113.7, 198.51.100.2",
    }
    assert client.get("/models", headers=fields).status_code == 200
