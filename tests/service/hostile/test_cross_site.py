"""A page of somebody else, open in a browser beside the server, gets nothing computed."""

from __future__ import annotations

import socket

import httpx
import pytest

from service.errors import StartupError
from service.middleware.origins import hosts_of
from service.settings import Settings
from tests.support.photographs import PHOTO
from tests.support.problems import assert_problem
from tests.support.servers import Shared

ROUTES = {"/parse": PHOTO, "/v2/models/tiny/infer": b"{}", "/v2/repository/index": b"{}"}
HANDSHAKE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


def own(client: httpx.Client) -> str:
    return f"{client.base_url.host}:{client.base_url.port}"


def opened(client: httpx.Client, host: str, origin: str | None) -> str:
    """Status line of an opening of a stream."""
    with socket.create_connection((client.base_url.host, client.base_url.port)) as connection:
        lines = HANDSHAKE if origin is None else f"Origin: {origin}\r\n{HANDSHAKE}"
        connection.sendall(f"GET /stream HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n".encode())
        return connection.recv(100).split(b"\r\n")[0].decode()


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("content_type", ["text/plain", "multipart/form-data", "application/json"])
def test_a_foreign_page_is_refused_whatever_it_sends(
    client: httpx.Client, path: str, content_type: str
) -> None:
    headers = {"Origin": "https://evil.example", "Content-Type": content_type}
    answer = client.post(path, content=ROUTES[path], headers=headers)
    assert answer.status_code == 403
    assert "PAG_CORS_ORIGINS" in answer.text


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "http://127.0.0.1",
        "http://127.0.0.1:1",
        "http://localhost.evil.example:{port}",
        "ftp://127.0.0.1:{port}",
        "http://someone@127.0.0.1:{port}",
        "http://127.0.0.1:{port}/",
        "http://127.0.0.1:{port}@evil.example",
        "http://[",
        "",
    ],
)
def test_what_only_looks_like_this_origin_is_foreign(client: httpx.Client, origin: str) -> None:
    origin = origin.format(port=client.base_url.port)
    answer = client.post("/parse", content=PHOTO, headers={"Origin": origin})
    assert_problem(answer, 403, "foreign-origin", "PAG_CORS_ORIGINS")
    assert " 403 " in opened(client, own(client), origin)


def test_the_server_s_own_page_may_call_it(client: httpx.Client) -> None:
    headers = {"Origin": f"http://{own(client)}"}
    assert client.post("/parse", content=PHOTO, headers=headers).status_code == 200
    assert " 101 " in opened(client, own(client), headers["Origin"])


def test_the_scheme_that_a_proxy_was_asked_by_counts(client: httpx.Client) -> None:
    secure = {"Origin": f"https://{own(client)}", "X-Forwarded-Proto": "https"}
    assert client.post("/parse", content=PHOTO, headers=secure).status_code == 200
    mixed = secure | {"Origin": f"http://{own(client)}"}
    assert_problem(client.post("/parse", content=PHOTO, headers=mixed), 403, "foreign-origin", "Origin")


def test_a_proxy_may_drop_the_port_where_the_browser_vouches(client: httpx.Client) -> None:
    headers = {"Host": "127.0.0.1", "Origin": "http://127.0.0.1:18331"}
    refused = client.post("/parse", content=PHOTO, headers=headers)
    assert_problem(refused, 403, "foreign-origin", "Origin")
    vouched = headers | {"Sec-Fetch-Site": "same-origin"}
    assert client.post("/parse", content=PHOTO, headers=vouched).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1.evil.example", "", "a b", "10.0.0.1"]
)
def test_a_foreign_name_that_points_here_is_refused(client: httpx.Client, host: str) -> None:
    host = host.format(port=client.base_url.port)
    origin = f"http://{host}"
    for headers in ({"Host": host}, {"Host": host, "Origin": origin, "Sec-Fetch-Site": "same-origin"}):
        answer = client.get("/models", headers=headers)
        assert_problem(answer, 421, "foreign-host", "PAG_HOSTS")
        answer = client.post("/parse", content=PHOTO, headers=headers)
        assert_problem(answer, 421, "foreign-host", "PAG_HOSTS")
    assert " 421 " in opened(client, host, origin)


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "127.0.0.1", "127.1.2.3:80", "[::1]:8000", "pag.localhost"]
)
def test_the_loopback_has_several_names(client: httpx.Client, host: str) -> None:
    assert client.get("/models", headers={"Host": host}).status_code == 200


def test_probes_and_scrapers_may_ask_by_any_address(shared_server: Shared) -> None:
    client = shared_server(hosts="pag.example, localhost")
    for path in ("/livez", "/readyz", "/metrics", "/v2/health/ready"):
        assert client.get(path, headers={"Host": "10.0.0.7:8000"}).status_code == 200, path
    assert client.get("/models", headers={"Host": "10.0.0.7:8000"}).status_code == 421


def test_names_in_the_settings_are_the_only_ones(shared_server: Shared) -> None:
    client = shared_server(hosts="pag.example, localhost")
    for host, status in {
        "pag.example": 200,
        "PAG.example:443": 200,
        "127.0.0.1": 200,
        "pag.example.com": 421,
    }.items():
        assert client.get("/models", headers={"Host": host}).status_code == status, host


def test_a_server_for_other_machines_has_any_name_until_it_is_told() -> None:
    assert hosts_of(Settings(host="0.0.0.0")) == ("*",)
    assert hosts_of(Settings(host="::1")) == ("localhost",)
    assert hosts_of(Settings(host="0.0.0.0", hosts="a.example")) == ("a.example",)


@pytest.mark.parametrize("hosts", ["https://a.example", "a.example:80", "a/b", "a b"])
def test_what_is_no_host_stops_the_start(hosts: str) -> None:
    with pytest.raises(StartupError, match="PAG_HOSTS"):
        hosts_of(Settings(hosts=hosts))
