"""Pages of other origins: none by default; those named may call, preflight, and read our headers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from service.errors import StartupError
from service.middleware.origins import EXPOSED, origins_of
from service.settings import Settings
from tests.support.photographs import PHOTO
from tests.support.servers import running_server

PAGE = "https://example.org"
PREFLIGHT = {
    "Origin": PAGE,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization, x-request-id",
}


@pytest.fixture(scope="module")
def shared(weights: Path) -> Iterator[httpx.Client]:
    """A server that asks for a key and lets one origin in."""
    with running_server(
        weights=weights, cors_origins=f"{PAGE}, http://localhost:3000", api_keys="a-key"
    ) as client:
        yield client


def test_preflight_needs_no_key(shared: httpx.Client) -> None:
    answer = shared.options("/parse", headers=PREFLIGHT)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert "authorization" in answer.headers["access-control-allow-headers"]


def test_a_page_reads_all_that_an_answer_says_of_itself(shared: httpx.Client) -> None:
    answer = shared.post("/parse", content=PHOTO, headers={"Origin": PAGE, "X-API-Key": "a-key"})
    assert answer.status_code == 200
    exposed = {name.lower() for name in answer.headers["access-control-expose-headers"].split(", ")}
    ours = {
        name for name in answer.headers if name.startswith(("pag-", "server-timing", "x-request", "trace"))
    }
    assert ours <= exposed == {name.lower() for name in EXPOSED}
    assert "access-control-allow-credentials" not in answer.headers


def test_a_page_reads_why_it_was_refused(shared: httpx.Client) -> None:
    answer = shared.post("/parse", content=PHOTO, headers={"Origin": PAGE})
    assert answer.status_code == 401
    assert answer.headers["access-control-allow-origin"] == PAGE


def test_other_origins_are_not_let_in(shared: httpx.Client) -> None:
    stranger = {**PREFLIGHT, "Origin": "https://example.com"}
    assert shared.options("/parse", headers=stranger).status_code == 400
    assert "access-control-allow-origin" not in shared.get("/livez", headers=stranger).headers


def test_no_origin_is_let_in_by_default(client: httpx.Client) -> None:
    answer = client.options("/parse", headers=PREFLIGHT)
    assert answer.status_code == 403
    assert not any(name.startswith("access-control") for name in answer.headers)


@pytest.mark.parametrize("origins", ["example.org", "https://example.org/", "https://a.org, b"])
def test_what_is_no_origin_stops_the_start(origins: str) -> None:
    with pytest.raises(StartupError, match="PAG_CORS_ORIGINS"):
        origins_of(Settings(cors_origins=origins))
