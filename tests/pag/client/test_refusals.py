"""What the service refuses, as errors that a program can tell apart; and what a later try still gets."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
from pathlib import Path

import pytest

from pag import AsyncClient, Busy, Client, DeadlineMissed, PagError, Parsing, Refused, Unreachable
from tests.support.photographs import LANDSCAPE
from tests.support.servers import GUARD_SECONDS, running_at

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("options", "status", "slug", "words"),
    [
        ({"budget": 2}, 422, "invalid-parameter", "query.budget"),
        ({"model": "none"}, 404, "unknown-model", "loaded: tiny"),
        ({"maps": ["depth", "smell"]}, 422, "unknown-map", "'smell'.*semantics"),
    ],
)
def test_refusals_name_the_fix(
    options: dict[str, object], status: int, slug: str, words: str, url: str
) -> None:
    with Client(url, timeout=GUARD_SECONDS) as client, pytest.raises(Refused, match=words) as refused:
        client.parse(LANDSCAPE, request_id="mine-2", **options)  # type: ignore[arg-type]
    error = refused.value
    assert (error.status, error.slug, error.request_id) == (status, slug, "mine-2")
    assert error.type == f"urn:problem-type:{slug}" and error.problem["status"] == status
    assert error.detail in str(error) and "(request mine-2)" in str(error)


@pytest.mark.parametrize(
    ("image", "status", "slug"),
    [
        (b"text", 415, "unsupported-image"),
        (LANDSCAPE[:200], 422, "undecodable-image"),
        (b"", 400, "empty-body"),
    ],
)
def test_what_is_no_image_is_refused(image: bytes, status: int, slug: str, client: Client) -> None:
    with pytest.raises(Refused) as refused:
        client.parse(image)
    assert (refused.value.status, refused.value.slug) == (status, slug)


def test_a_large_body_is_refused_while_it_is_still_sent(strict: str) -> None:
    with Client(strict, key="open", timeout=GUARD_SECONDS) as client:
        with pytest.raises(Refused, match="exceeds 100000 bytes") as refused:
            client.parse(bytes(20_000_000))
        assert refused.value.status == 413


def test_a_hopeless_deadline_is_missed_at_once(slow: str) -> None:
    with Client(slow, timeout=GUARD_SECONDS) as client, pytest.raises(DeadlineMissed) as missed:
        client.parse(LANDSCAPE, deadline_ms=5)
    assert (missed.value.status, missed.value.slug) == (503, "deadline-unreachable")


@pytest.mark.parametrize("deadline_ms", [0, -1, float("nan")])
def test_what_is_no_deadline_is_said_before_anything_is_sent(deadline_ms: float, client: Client) -> None:
    with pytest.raises(ValueError, match="deadline_ms is in milliseconds"):
        client.parse(LANDSCAPE, deadline_ms=deadline_ms)


def test_a_key_opens_what_is_closed_without(strict: str) -> None:
    with Client(strict, key="sesame", timeout=GUARD_SECONDS) as client:
        assert client.parse(LANDSCAPE).model == "tiny"
    for key, words in ((None, "X-API-Key"), ("wrong", "The API key is wrong")):
        with Client(strict, key=key, timeout=GUARD_SECONDS) as client:
            assert client.ready()
            with pytest.raises(Refused, match=words) as refused:
                client.parse(LANDSCAPE)
            assert refused.value.status == 401


def start_parsing(url: str, parsings: list[Parsing | PagError], **settings: int) -> threading.Thread:
    def parse() -> None:
        with Client(url, timeout=GUARD_SECONDS, **settings) as client:
            try:
                parsings.append(client.parse(LANDSCAPE))
            except PagError as error:
                parsings.append(error)

    thread = threading.Thread(target=parse)
    thread.start()
    return thread


def test_a_full_server_s_refusal_is_an_error_only_without_further_tries(slow: str) -> None:
    outcomes: list[Parsing | PagError] = []
    threads = [start_parsing(slow, outcomes, retries=0) for _ in range(6)]
    for thread in threads:
        thread.join()
    refused = [outcome for outcome in outcomes if isinstance(outcome, PagError)]
    assert 0 < len(refused) < len(outcomes)
    for error in refused:
        assert isinstance(error, Busy) and error.slug == "overloaded"
        assert error.retry_after is not None and error.retry_after >= 1

    outcomes.clear()
    threads = [start_parsing(slow, outcomes, retries=1000) for _ in range(3)]
    for thread in threads:
        thread.join()
    assert [type(outcome) for outcome in outcomes] == [Parsing] * 3


def test_the_async_client_waits_for_a_full_server_too(slow: str) -> None:
    async def parse() -> list[Parsing]:
        async with AsyncClient(slow, timeout=GUARD_SECONDS, retries=1000) as client:
            return await asyncio.gather(*(client.parse(LANDSCAPE) for _ in range(3)))

    assert [parsing.model for parsing in asyncio.run(parse())] == ["tiny"] * 3


def test_a_path_too_much_in_the_address_is_named(url: str) -> None:
    with Client(f"{url}/parse", timeout=GUARD_SECONDS) as client:
        for call in (lambda: client.parse(LANDSCAPE), client.models, client.ready):
            with pytest.raises(Refused, match=r"address ends in /parse: leave that out, unless a proxy"):
                call()
    with Client(url, timeout=GUARD_SECONDS) as client, pytest.raises(Refused, match="other") as refused:
        client.parse(LANDSCAPE, model="other")
    assert "address" not in str(refused.value)


def test_where_nobody_listens_nobody_is_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    with Client(url, retries=2) as client:
        with pytest.raises(Unreachable, match=rf"{url}.*refused.*Is the server running"):
            client.parse(LANDSCAPE)
        assert not client.ready()
        with pytest.raises(Unreachable, match=r"No server at .* within 0 s"):
            client.wait_until_ready(0)


def test_restarts_within_and_between_calls_are_survived(weights: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        outcomes: list[Parsing | PagError] = []
        parsing = start_parsing(f"http://127.0.0.1:{port}", outcomes, retries=1000)
        # The old server takes the request and dies over it.
        listener.accept()[0].close()
    with Client(f"http://127.0.0.1:{port}", timeout=GUARD_SECONDS, retries=1000) as client:
        for _ in range(2):
            with running_at(weights=weights, port=port):
                client.wait_until_ready(GUARD_SECONDS)
                assert client.parse(LANDSCAPE).model == "tiny"
                parsing.join()
    assert isinstance(outcomes[0], Parsing)


def test_a_server_on_a_unix_socket_is_reached_by_its_path(weights: Path, tmp_path: Path) -> None:
    path = tmp_path / "pag.sock"
    with running_at(weights=weights, uds=str(path)):
        url = f"unix:{path}"
        with Client(url, timeout=GUARD_SECONDS) as client:
            client.wait_until_ready(GUARD_SECONDS)
            parsing = client.parse(LANDSCAPE)
            assert repr(client) == f"<Client {url}>"

        async def parse() -> Parsing:
            async with AsyncClient(url, timeout=GUARD_SECONDS) as other:
                return await other.parse(LANDSCAPE)

        assert asyncio.run(parse()).budget == parsing.budget
        with Client(url, timeout=GUARD_SECONDS) as client:
            assert [frame.number for frame in client.stream([LANDSCAPE])] == [0]

        async def stream() -> list[int]:
            async with AsyncClient(url, timeout=GUARD_SECONDS) as other:
                return [frame.number async for frame in other.stream([LANDSCAPE])]

        assert asyncio.run(stream()) == [0]


# The HTTP library leaves a socket that did not connect to the collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_unix_socket_that_is_not_there_is_named(tmp_path: Path) -> None:
    url = f"unix:{tmp_path / 'none.sock'}"
    with Client(url, retries=0) as client, pytest.raises(Unreachable, match=url):
        client.parse(LANDSCAPE)
    gc.collect()


def test_a_deadline_far_away_costs_nothing(client: Client) -> None:
    assert client.parse(LANDSCAPE, deadline_ms=60_000).budget.used == 1.0
