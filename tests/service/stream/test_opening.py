"""Openings that do not succeed are plain HTTP answers; what opens, opens for those who may."""

from __future__ import annotations

import base64
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.problems import assert_problem
from tests.support.servers import Serve, Shared, metric, running_server, until
from tests.support.streams import handshake, open_stream, refused_opening, send_and_receive
from tests.support.tiny_model import write_model

KEY = "a-key-of-the-test?~"
PAGE = "https://pages.example"


@pytest.fixture(scope="module")
def guarded(weights: Path) -> Iterator[httpx.Client]:
    """A server that asks for a key, allows one foreign page and holds two streams."""
    with running_server(weights=weights, api_keys=KEY, cors_origins=PAGE, max_streams=2) as client:
        yield client


def keyed(key: str = KEY) -> list[str]:
    """The subprotocols of a page, which can set no header."""
    return ["pag", "key." + base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")]


HEADERS = {"X-API-Key": KEY}


@pytest.mark.parametrize(
    ("query", "status", "kind", "words"),
    [
        ({"model": "other"}, 404, "unknown-model", "other"),
        ({"maps": "taste"}, 422, "unknown-map", "taste"),
        ({"budget": 7}, 422, "invalid-parameter", "query.budget"),
        (
            {"output": "overlay"},
            422,
            "invalid-parameter",
            "query.output: output is called answer here: answer=overlay",
        ),
        ({"answer": "overlay", "maps": "depth"}, 422, "invalid-parameter", "overlay"),
        ({"budget": 0.5, "min_budget": 0.75}, 422, "invalid-parameter", "above the budget"),
    ],
)
def test_what_cannot_be_is_refused_before_the_upgrade(
    client: httpx.Client, query: dict[str, Any], status: int, kind: str, words: str
) -> None:
    assert_problem(refused_opening(client, query), status, kind, words)


def test_a_parameter_given_twice_is_refused(client: httpx.Client) -> None:
    answer = client.get("/stream?budget=0.5&budget=1", headers=handshake())
    assert_problem(answer, 422, "invalid-parameter", "2 times")


def test_before_the_warm_up_ends_it_is_not_ready(tmp_path: Path) -> None:
    write_model(tmp_path, only=(59, 80))
    with running_server(weights=tmp_path, until_ready=False) as client:
        until(lambda: client.get("/livez").status_code == 503)
        answer = refused_opening(client)
    assert_problem(answer, 503, "not-ready", "failed")
    assert answer.headers["retry-after"] == "1"


@pytest.mark.parametrize(
    "opening",
    [
        {"additional_headers": HEADERS},
        {"additional_headers": {"Authorization": f"Bearer {KEY}"}},
        {"subprotocols": keyed()},
        {"subprotocols": [*keyed("wrong"), *keyed()]},
    ],
)
def test_a_key_opens(guarded: httpx.Client, opening: dict[str, Any]) -> None:
    with open_stream(guarded, **opening) as stream:
        assert send_and_receive(stream).frame == 0
        assert stream.subprotocol == ("pag" if "subprotocols" in opening else None)


@pytest.mark.parametrize("protocols", [None, ["pag"], ["pag", "key."], ["pag", "key.%"]])
def test_without_a_key_there_is_no_way(guarded: httpx.Client, protocols: list[str] | None) -> None:
    answer = refused_opening(guarded, subprotocols=protocols)
    assert_problem(answer, 401, "unauthorized", "X-API-Key")


def test_a_wrong_key_is_said_to_be_wrong(guarded: httpx.Client) -> None:
    assert_problem(refused_opening(guarded, subprotocols=keyed("wrong")), 401, "wrong-key")


def test_a_route_that_is_none_is_told_as_to_requests(client: httpx.Client) -> None:
    answer = refused_opening(client, path="/strem")
    assert_problem(answer, 404, "not-found", "did you mean /stream?")


def test_a_key_among_subprotocols_opens_no_request(guarded: httpx.Client) -> None:
    answer = guarded.get("/models", headers={"Sec-WebSocket-Protocol": ", ".join(keyed())})
    assert answer.status_code == 401


def own(client: httpx.Client) -> str:
    return f"http://{client.base_url.host}:{client.base_url.port}"


@pytest.mark.parametrize("origin", ["own", PAGE])
def test_pages_of_this_host_and_of_those_named_may_open(guarded: httpx.Client, origin: str) -> None:
    origin = own(guarded) if origin == "own" else origin
    with open_stream(guarded, additional_headers=HEADERS, origin=origin) as stream:
        assert send_and_receive(stream).frame == 0


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://127.0.0.1", "http://127.0.0.1:1", "null", "", "http://["]
)
def test_pages_of_other_hosts_may_not(guarded: httpx.Client, origin: str) -> None:
    answer = refused_opening(guarded, additional_headers=HEADERS, origin=origin)
    assert_problem(answer, 403, "foreign-origin", "PAG_CORS_ORIGINS")


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("pag.example", "https://pag.example"),
        ("pag.example:443", "https://pag.example"),
        ("PAG.example", "http://pag.example:80"),
        ("[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_the_host_asked_may_be_written_in_several_ways(shared_server: Shared, host: str, origin: str) -> None:
    client = shared_server(hosts="pag.example, localhost")
    with socket.create_connection((client.base_url.host, client.base_url.port)) as connection:
        headers = "".join(f"{name}: {value}\r\n" for name, value in handshake().items())
        head = f"GET /stream HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\n{headers}\r\n"
        connection.sendall(head.encode())
        assert connection.recv(12) == b"HTTP/1.1 101"


def test_no_more_streams_than_the_setting_says(guarded: httpx.Client) -> None:
    with (
        open_stream(guarded, additional_headers=HEADERS),
        open_stream(guarded, additional_headers=HEADERS) as second,
    ):
        answer = refused_opening(guarded, additional_headers=HEADERS)
        assert_problem(answer, 429, "overloaded", "PAG_MAX_STREAMS")
        assert answer.headers["retry-after"] == "5"
        assert metric(guarded, "pag_streams") == 2
        second.close()
        until(lambda: metric(guarded, "pag_streams") == 1)
        with open_stream(guarded, additional_headers=HEADERS) as third:
            assert send_and_receive(third).frame == 0


def test_refused_openings_count_and_open_ones_do_not(serve: Serve) -> None:
    duration = "http_server_request_duration_seconds_count"
    with serve() as client:
        refused_opening(client, {"model": "other"})
        with open_stream(client):
            pass
        text = client.get("/metrics").text
    rows = [line for line in text.splitlines() if line.startswith(duration) and "/stream" in line]
    assert rows == [f'{duration}{{method="GET",route="/stream",status="404"}} 1.0']


def test_what_is_no_websocket_is_told_so(guarded: httpx.Client) -> None:
    answer = guarded.get("/stream", headers=HEADERS)
    assert_problem(answer, 426, "upgrade-required", "ws://")
    assert answer.headers["upgrade"] == "websocket"


def test_elsewhere_a_wish_to_upgrade_is_ignored(guarded: httpx.Client) -> None:
    answer = guarded.get("/livez", headers=handshake())
    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})
    assert guarded.get("/nowhere", headers={**HEADERS, **handshake()}).status_code == 404


def test_a_stream_is_not_opened_behind_a_request_that_waits(guarded: httpx.Client) -> None:
    opening = "".join(f"{name}: {value}\r\n" for name, value in {**HEADERS, **handshake()}.items())
    host = guarded.base_url.netloc
    requests = b"GET /livez HTTP/1.1\r\nHost: %s\r\n\r\nGET /stream HTTP/1.1\r\nHost: %s\r\n%s\r\n"
    with socket.create_connection((guarded.base_url.host, guarded.base_url.port or 0), 60) as connection:
        connection.sendall(requests % (host, host, opening.encode()))
        received = b""
        while received.count(b"HTTP/1.1 ") < 2:
            received += connection.recv(4096)
    assert [part.split()[0] for part in received.split(b"HTTP/1.1 ")[1:]] == [b"200", b"426"]


def test_a_head_that_the_protocol_does_not_read_is_refused(guarded: httpx.Client) -> None:
    many = {f"X-{number}": "x" for number in range(200)}
    assert guarded.get("/stream", headers={**many, **handshake()}).status_code == 431
    long = {"X-Long": "x" * 10_000}
    assert guarded.get("/stream", headers={**long, **handshake()}).status_code == 431


def test_ids_are_taken_over(client: httpx.Client) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with open_stream(client, additional_headers={"X-Request-ID": "abc", "traceparent": trace}) as stream:
        assert stream.response is not None
        assert stream.response.headers["X-Request-ID"] == "abc"
        assert stream.response.headers["traceparent"].split("-")[1] == trace.split("-")[1]
        assert send_and_receive(stream, b"?").header["problem"]["trace_id"] == trace.split("-")[1]
