"""API keys: who is let in, who is not, and that nothing is read of those who are not."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from service.errors import StartupError
from service.middleware.keys import keys_of
from service.settings import Settings
from tests.support.photographs import PHOTO
from tests.support.problems import assert_problem
from tests.support.servers import running_server

FIRST, SECOND = "first-key-of-the-test", "second-key-of-the-test"


@pytest.fixture(scope="module")
def locked(weights: Path) -> Iterator[httpx.Client]:
    """A server that asks for one of two keys."""
    with running_server(weights=weights, api_keys=f"{FIRST}, {SECOND}") as client:
        yield client


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {FIRST}"},
        {"authorization": f"bearer {SECOND}"},
        {"X-API-Key": FIRST},
        {"X-API-Key": SECOND, "Authorization": "Basic eDp5"},
    ],
)
def test_a_key_opens(locked: httpx.Client, headers: dict[str, str]) -> None:
    assert locked.post("/parse", content=PHOTO, headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": FIRST},
        {"Authorization": f"Basic {FIRST}"},
        {"X-API-Key": ""},
    ],
)
@pytest.mark.parametrize("path", ["/parse", "/models", "/nowhere", "/livez/x"])
def test_without_a_key_there_is_no_way(locked: httpx.Client, headers: dict[str, str], path: str) -> None:
    answer = locked.post(path, content=PHOTO, headers=headers)
    assert_problem(answer, 401, "unauthorized", "X-API-Key")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["x-request-id"] == answer.json()["request_id"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {FIRST}x"},
        {"X-API-Key": FIRST[:-1]},
        {"X-API-Key": f"{FIRST}, {SECOND}"},
        {"X-API-Key": "schlüssel".encode("latin-1")},
    ],
)
@pytest.mark.parametrize("path", ["/parse", "/models", "/nowhere", "/livez/x"])
def test_a_wrong_key_is_said_to_be_wrong(
    locked: httpx.Client, headers: dict[str, str | bytes], path: str
) -> None:
    answer = locked.post(path, content=PHOTO, headers=headers)
    assert_problem(answer, 401, "wrong-key", "none of this server's")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["x-request-id"] == answer.json()["request_id"]
    assert FIRST not in answer.text


@pytest.mark.parametrize("path", ["/v2", "/v2/models/tiny/infer", "/v2/health/../models/tiny"])
def test_nor_through_the_other_door(locked: httpx.Client, path: str) -> None:
    answer = locked.post(path, content=PHOTO)
    assert answer.status_code == 401
    assert "X-API-Key" in answer.json()["error"]


@pytest.mark.parametrize(
    "path",
    ["/livez", "/readyz", "/healthz", "/health", "/metrics", "/openapi.json", "/docs", "/v2/health/live"],
)
def test_how_the_service_is_needs_no_key(locked: httpx.Client, path: str) -> None:
    assert locked.get(path).status_code == 200


def test_it_is_refused_before_the_body_arrives(locked: httpx.Client) -> None:
    with socket.create_connection((locked.base_url.host, locked.base_url.port)) as connection:
        connection.sendall(b"POST /parse HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 401 ")


def test_the_document_tells_of_keys(locked: httpx.Client) -> None:
    document = locked.get("/openapi.json").json()
    assert set(document["components"]["securitySchemes"]) == {"bearer", "key"}
    operation = document["paths"]["/parse"]["post"]
    assert operation["security"] == [{"bearer": []}, {"key": []}]
    assert "application/problem+json" in operation["responses"]["401"]["content"]
    assert "application/json" in document["paths"]["/v2"]["get"]["responses"]["401"]["content"]
    assert "security" not in document["paths"]["/readyz"]["get"]


def test_no_key_is_asked_for_by_default(client: httpx.Client) -> None:
    assert "securitySchemes" not in client.get("/openapi.json").json()["components"]


@pytest.mark.parametrize("keys", [" , ", "schlüssel"])
def test_keys_that_no_client_could_send_stop_the_start(keys: str) -> None:
    with pytest.raises(StartupError, match="PAG_API_KEYS"):
        keys_of(Settings(api_keys=keys))
