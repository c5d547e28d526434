"""The page over HTTP: what a browser gets, keeps and may do with it; nothing outside its folder."""

from __future__ import annotations

import re

import httpx
import pytest

from service.routes.page import FOLDER, MEDIA_TYPES
from tests.support.problems import assert_problem
from tests.support.servers import Serve

FILES = sorted(
    path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.suffix in MEDIA_TYPES
)


def test_the_page_is_at_the_root(client: httpx.Client) -> None:
    answer = client.get("/")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "<title>pag-parse</title>" in answer.text


@pytest.mark.parametrize("name", FILES)
def test_every_file_of_the_page_is_served_with_a_type_a_browser_accepts(
    client: httpx.Client, name: str
) -> None:
    answer = client.get(f"/page/{name}")
    assert answer.content == (FOLDER / name).read_bytes()
    expected = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml", "jpg": "image/jpeg"}
    assert answer.headers["content-type"].startswith(expected.get(name.rpartition(".")[2], "text/html"))
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_what_the_page_refers_to_is_there_and_comes_from_this_server(client: httpx.Client) -> None:
    text = client.get("/").text
    references = re.findall(r'(?:src|href)="([^"#]+)"', text)
    assert {"page/app.js", "page/style.css"} <= set(references)
    assert not [reference for reference in references if "//" in reference]
    for reference in references:
        assert client.get("/" + reference).status_code == 200


def test_no_script_or_style_is_inline_and_the_policy_forbids_it(client: httpx.Client) -> None:
    answer = client.get("/")
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)", answer.text)


def test_no_module_refers_to_another_server() -> None:
    for name in FILES:
        if name.endswith((".js", ".css")):
            text = (FOLDER / name).read_text().replace("http://www.w3.org/", "")
            assert not re.search(r"https?://", text), name


def test_an_unchanged_file_is_not_sent_again(client: httpx.Client) -> None:
    first = client.get("/page/style.css")
    assert first.headers["cache-control"] == "no-cache"
    for known in (first.headers["etag"], f'"other", W/{first.headers["etag"]}', "*"):
        again = client.get("/page/style.css", headers={"If-None-Match": known})
        assert again.status_code == 304
        assert again.content == b""
        assert again.headers["etag"] == first.headers["etag"]
    assert client.get("/page/style.css", headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize("path", ["/", "/page/style.css"])
def test_head_says_what_get_would(client: httpx.Client, path: str) -> None:
    head, get = client.head(path), client.get(path)
    assert head.status_code == 200
    assert head.content == b""
    for name in ("content-length", "content-type", "etag"):
        assert head.headers[name] == get.headers[name]


@pytest.mark.parametrize(
    "path",
    [
        "/page/nothing.js",
        "/page/",
        "/page/samples",
        "/page/../settings.py",
        "/page/%2e%2e/settings.py",
        "/page/..%2fsettings.py",
        "/page/%2fetc/passwd",
        "/page//etc/passwd",
        "/page/samples/../../settings.py",
        "/page/style.css%00",
        "/page/.\\style.css",
    ],
)
def test_nothing_else_is_served(client: httpx.Client, path: str) -> None:
    # As raw bytes: a client would tidy the path up before sending it.
    url = client.base_url.copy_with(raw_path=path.encode())
    assert_problem(client.get(url), 404, "not-found")


def test_writing_is_refused(client: httpx.Client) -> None:
    assert client.post("/").status_code == 405
    assert client.put("/page/style.css", content=b"x").status_code == 405


def test_the_page_is_no_part_of_the_api(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert not [path for path in paths if path == "/" or path.startswith("/page")]


def test_with_keys_the_page_opens_and_its_requests_need_one(serve: Serve) -> None:
    with serve(api_keys="secret") as client:
        assert client.get("/").status_code == 200
        assert client.get("/page/app.js").status_code == 200
        assert client.get("/models").status_code == 401


def test_it_can_be_turned_off(serve: Serve) -> None:
    with serve(page=False) as client:
        assert_problem(client.get("/"), 404, "not-found")
        assert_problem(client.get("/page/style.css"), 404, "not-found")
        assert client.get("/docs").status_code == 200
