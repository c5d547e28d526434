"""Where a client finds its server, and what of the environment it heeds on the way."""

from __future__ import annotations

import pytest

from pag import AsyncClient, Client
from pag.client.settings import read_address
from tests.support.foreign_servers import answer_with, foreign_server
from tests.support.photographs import LANDSCAPE
from tests.support.servers import GUARD_SECONDS


@pytest.mark.parametrize(
    ("url", "here", "websocket"),
    [
        ("http://127.0.0.1:8000/", True, "ws://127.0.0.1:8000"),
        (" http://127.0.0.1:8000\n", True, "ws://127.0.0.1:8000"),
        ("http://127.8.9.1", True, "ws://127.8.9.1"),
        ("http://[::1]:8000", True, "ws://[::1]:8000"),
        ("http://localhost:8000", True, "ws://localhost:8000"),
        ("https://robot.example/maps/", False, "wss://robot.example/maps"),
        ("http://192.168.0.7:8000", False, "ws://192.168.0.7:8000"),
        ("unix:/run/pag.sock", True, "ws://localhost"),
        ("unix:pag.sock", True, "ws://localhost"),
    ],
)
def test_addresses(url: str, here: bool, websocket: str) -> None:
    address = read_address(url)
    assert (address.is_local, address.websocket_url) == (here, websocket)


@pytest.mark.parametrize("path", ["/run/pag.sock", "pag.sock"])
def test_a_socket_is_named_by_its_path(path: str) -> None:
    assert read_address(f"unix:{path}").socket == path


@pytest.mark.parametrize(
    ("url", "fix"),
    [
        ("127.0.0.1:8000", "write http://HOST:PORT or unix:/PATH"),
        ("ftp://host", "write http://HOST:PORT"),
        ("http://", "write http://HOST:PORT"),
        ("unix:", "needs its path: unix:/run/pag.sock"),
        ("http://user:secret@host", "leave query, fragment and user out"),
        ("http://host/?budget=1", "leave query"),
        ("http://host:99999", "host: a port is a number from 1 to 65535, not 99999"),
        ("http://host:0", "from 1 to 65535, not 0"),
        ("http://host:http", "from 1 to 65535, not http"),
        ("http:// host:8000", "a space in a server's address: leave it out"),
        ("http://host:8000/a b", "leave it out"),
        ("http://[::1", "no address of a server: Invalid IPv6 URL"),
    ],
)
def test_what_is_no_address_is_said_at_once(url: str, fix: str) -> None:
    with pytest.raises(ValueError, match=fix) as refused:
        Client(url)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("wrong", "fix"),
    [
        ({"key": "ключ"}, "printable ASCII"),
        ({"timeout": 0}, "None for no limit"),
        ({"retries": -1}, "0 or more"),
    ],
)
def test_what_cannot_be_set_is_said_at_once(wrong: dict[str, object], fix: str) -> None:
    with pytest.raises(ValueError, match=fix):
        Client(**wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=fix):
        AsyncClient(**wrong)  # type: ignore[arg-type]


def test_a_proxy_of_the_environment_does_not_come_between_this_machine_and_itself(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with foreign_server(answer_with(200, b"{}", Content_Type="application/json")) as (proxy, paths):
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy)
        with Client(url, timeout=GUARD_SECONDS) as client:
            client.parse(LANDSCAPE)
        assert paths == []
        with Client("http://pag.invalid", timeout=GUARD_SECONDS) as client:
            assert client.ready()
        assert paths == ["http://pag.invalid/readyz"]
        with Client("http://pag.invalid", retries=0, trust_env=False) as client:
            assert not client.ready()
        assert len(paths) == 1
