"""What /v2 says when it may not, cannot yet, cannot in time, or is asked by somebody who leaves."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest
from tritonclient.utils import InferenceServerException

from tests.support.open_inference import (
    INFER,
    assert_error,
    document,
    files_input,
    message,
    pixels_input,
    triton_client,
)
from tests.support.photographs import encoded, picture
from tests.support.servers import Serve, computing, metric, running_server, until
from tests.support.tiny_model import SMALL, write_model

pytestmark = pytest.mark.slow

PIXELS = picture(64, 64)


def body_of(count: int = 1, **parameters: Any) -> tuple[bytes, dict[str, str]]:
    size = count * PIXELS.nbytes
    asked = document(shape=[count, 64, 64, 3], parameters={"binary_data_size": size})
    return message(asked | {"parameters": parameters}, PIXELS.tobytes() * count)


def post(client: httpx.Client, count: int = 1, **parameters: Any) -> httpx.Response:
    body, headers = body_of(count, **parameters)
    return client.post(INFER, content=body, headers=headers)


def send(client: httpx.Client, count: int) -> socket.socket:
    """A request on a connection of its own, sent and not waited for."""
    body, headers = body_of(count)
    lines = [f"POST {INFER} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    connection = socket.create_connection((client.base_url.host, client.base_url.port))
    connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
    return connection


def test_keys_are_asked_for_in_the_protocols_form(serve: Serve) -> None:
    with serve(api_keys="secret") as client, triton_client(client) as remote:
        assert_error(client.get("/v2"), 401, "X-API-Key")
        assert_error(post(client), 401, "X-API-Key")
        assert remote.is_server_live() and remote.is_server_ready()
        with pytest.raises(InferenceServerException, match="Send a key"):
            remote.infer("tiny", [pixels_input(PIXELS)])
        assert remote.infer("tiny", [pixels_input(PIXELS)], headers={"X-API-Key": "secret"})


def test_a_page_of_an_origin_that_may_reads_errors(serve: Serve) -> None:
    with serve(cors_origins="https://example.org") as client:
        answer = client.get("/v2/models/other", headers={"Origin": "https://example.org"})
        assert_error(answer, 404)
        assert answer.headers["access-control-allow-origin"] == "https://example.org"
        assert answer.headers["vary"] == "Origin"


def test_a_server_that_is_not_ready_says_so(tmp_path: Path) -> None:
    write_model(tmp_path, only=(59, 80))
    with running_server(weights=tmp_path, until_ready=False) as client, triton_client(client) as remote:
        until(lambda: not remote.is_server_live())
        assert not remote.is_server_ready()
        assert not remote.is_model_ready("tiny")
        assert client.get("/v2/health/ready").json() == {"ready": False}
        assert remote.get_model_repository_index()[0]["state"] == "UNAVAILABLE"
        refused = post(client)
        assert_error(refused, 503, "failed")
        assert refused.headers["retry-after"] == "1"


def test_a_network_that_fails_is_an_error_of_the_protocol(tmp_path: Path, serve: Serve) -> None:
    write_model(tmp_path, only=(60, 80))
    with serve(weights=tmp_path) as client:
        assert_error(post(client), 500, "could not be run")


def test_a_full_server_refuses(single: httpx.Client) -> None:
    with send(single, count=2):
        until(lambda: computing(single))
        refused = post(single)
    assert_error(refused, 429, "pending")
    assert int(refused.headers["retry-after"]) >= 1
    until(lambda: not computing(single))


def test_all_images_of_a_client_that_leaves_are_stopped(single: httpx.Client) -> None:
    before = metric(single, "pag_cancelled_total")
    with send(single, count=8):
        until(lambda: computing(single))
    until(lambda: not computing(single))
    until(lambda: metric(single, "pag_queue_depth") == 0)
    # Those that have begun; the others never came so far as to be counted.
    assert metric(single, "pag_cancelled_total") > before


def test_the_time_limit_of_the_server_holds(tmp_path: Path, serve: Serve) -> None:
    write_model(tmp_path, slow_nodes=100, slow_pixels=SMALL)
    with serve(weights=tmp_path, threads=1, timeout_seconds=0.02, max_wait_seconds=600) as client:
        assert_error(post(client), 504, "deadline")
        # More than are computed at a time: those that have not begun have no time of their own.
        assert_error(post(client, 16), 504, "deadline")
        until(lambda: not computing(client))


def test_one_wrong_photograph_stops_the_others(single: httpx.Client) -> None:
    photo = encoded(PIXELS)
    broken = encoded(picture(64, 64, 1))[:-400]
    with triton_client(single) as remote, pytest.raises(InferenceServerException) as caught:
        remote.infer("tiny", [files_input(*[photo] * 7, broken)])
    assert caught.value.status() == "422"
    assert "truncated or corrupt" in caught.value.message()


def test_many_images_of_one_request_lower_no_budget_by_themselves(serve: Serve) -> None:
    with serve(max_wait_seconds=600) as client:
        answer = post(client, 16, binary_data_output=True)
        assert answer.is_success
        assert int(answer.headers["inference-header-content-length"]) < 1000


@pytest.mark.parametrize("chunked", [False, True])
def test_bodies_are_counted_as_they_arrive(narrow: httpx.Client, chunked: bool) -> None:
    pieces = [b" " * 5000] * 5
    content = iter(pieces) if chunked else b"".join(pieces)
    assert_error(narrow.post(INFER, content=content), 413, "20000")


def test_a_body_that_does_not_come_is_given_up(impatient: httpx.Client) -> None:
    connection = socket.create_connection((impatient.base_url.host, impatient.base_url.port))
    connection.sendall(f"POST {INFER} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{{".encode())
    answer = b""
    while not answer.endswith(b"}"):
        answer += connection.recv(65536)
    connection.close()
    assert answer.startswith(b"HTTP/1.1 408")
    assert "did not arrive" in json.loads(answer.partition(b"\r\n\r\n")[2])["error"]
