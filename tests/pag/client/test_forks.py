"""Clients that are older than their process: forked processes share no connection."""

from __future__ import annotations

import asyncio
import os
import pickle
import sys
import traceback
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from pag import AsyncClient, BadAnswer, Client, PagError
from tests.support.foreign_servers import answer_with, foreign_server
from tests.support.photographs import LANDSCAPE
from tests.support.servers import GUARD_SECONDS

CHILDREN, CALLS = 6, 6
pytestmark = [
    pytest.mark.process,
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


def pixels(number: int) -> NDArray[np.uint8]:
    """A picture that no other number gives."""
    picture = np.zeros((64, 80, 3), np.uint8)
    picture[:] = (37 * number % 256, 91 * number % 256, 13 * number % 256)
    picture[number % 60 :] = (255 - 20 * (number % 12), 30, 60)
    return picture


def in_forks(work: Callable[[int], Any]) -> list[Any]:
    """What `work` returns in each of several forked processes that run at the same time."""
    pipes = []
    for number in range(CHILDREN):
        receiving, sending = os.pipe()
        if os.fork() == 0:
            _end(sending, work, number)
        os.close(sending)
        pipes.append(receiving)
    results = []
    for receiving in pipes:
        with os.fdopen(receiving, "rb") as file:
            results.append(pickle.load(file))
        os.wait()
    return results


def _end(sending: int, work: Callable[[int], Any], number: int) -> None:
    # Nothing of the test runner's may run in this process.
    try:
        with os.fdopen(sending, "wb") as file:
            file.write(pickle.dumps(work(number)))
    except BaseException:
        traceback.print_exc(file=sys.stderr)
    finally:
        os._exit(0)


def test_each_process_gets_the_maps_of_its_own_pictures(url: str) -> None:
    with Client(url, timeout=GUARD_SECONDS) as client:
        expected = [client.parse(pixels(number), budget=0.2).depth for number in range(CHILDREN)]

        def work(number: int) -> int:
            parsings = [client.parse(pixels(number), budget=0.2) for _ in range(CALLS)]
            return sum(np.array_equal(parsing.depth, expected[number]) for parsing in parsings)

        for _ in range(3):
            assert in_forks(work) == [CALLS] * CHILDREN
            # The parent's own connection is as it was.
            assert np.array_equal(client.parse(pixels(0), budget=0.2).depth, expected[0])


def test_each_process_s_async_client_has_its_own_connections(url: str) -> None:
    client = AsyncClient(url, timeout=GUARD_SECONDS)

    async def parse(number: int) -> Any:
        return (await client.parse(pixels(number), budget=0.2)).depth

    async def all_of_them(number: int) -> list[Any]:
        return [await parse(number) for _ in range(CALLS)]

    with asyncio.Runner() as runner:
        expected = [runner.run(parse(number)) for number in range(CHILDREN)]

        def work(number: int) -> int:
            asyncio._set_running_loop(None)
            depths = asyncio.run(all_of_them(number))
            return sum(np.array_equal(depth, expected[number]) for depth in depths)

        assert in_forks(work) == [CALLS] * CHILDREN
        assert np.array_equal(runner.run(parse(0)), expected[0])
        runner.run(client.aclose())


def test_a_closed_client_stays_closed_and_a_transport_of_the_caller_is_not_shared(url: str) -> None:
    closed = Client(url)
    closed.close()
    given = Client(url, transport=httpx.HTTPTransport())

    def work(number: int) -> str:
        try:
            (closed if number % 2 else given).models()
        except PagError as error:
            return str(error)
        return "answered"

    with given:
        messages = in_forks(work)
        assert given.models()
    assert "closed" in messages[1] and "before a fork" in messages[0]


def test_a_stream_belongs_to_the_process_that_opened_it(url: str) -> None:
    frames = [pixels(number) for number in range(4)]
    with Client(url, timeout=GUARD_SECONDS) as client, client.stream(frames, every_frame=True) as stream:
        answers = iter(stream)
        next(answers)

        def work(number: int) -> str:
            try:
                next(answers) if number % 2 else stream.change(budget=0.5)
            except PagError as error:
                stream.close()
                answers.close()  # type: ignore[attr-defined]
                return str(error)
            return "answered"

        assert all("opened by the process that forked" in message for message in in_forks(work))
        # No child has closed it.
        assert [frame.number for frame in answers] == [1, 2, 3]


def test_a_stream_that_is_new_is_opened_by_whoever_reads_it(url: str) -> None:
    client = Client(url, timeout=GUARD_SECONDS)
    stream = client.stream([pixels(0), pixels(1)], every_frame=True)
    assert in_forks(lambda _: [frame.number for frame in stream]) == [[0, 1]] * CHILDREN
    assert [frame.number for frame in stream] == [0, 1]


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_an_answer_to_another_request_is_an_error(kind: str, url: str) -> None:
    real = httpx.post(f"{url}/parse", content=LANDSCAPE, headers={"Accept": "application/x-npz"}).content
    seen: list[str] = []

    def belated(handler: BaseHTTPRequestHandler) -> None:
        """Each gets the answer of the one before it, as on a connection that two processes share."""
        seen.append(handler.headers["PAG-Call"])
        ids = {"PAG_Call": seen[-2]} if len(seen) > 1 else {}
        answer_with(200, real, Content_Type="application/x-npz", **ids)(handler)

    async def use() -> None:
        async with AsyncClient(other) as client:
            await client.parse(LANDSCAPE)
            await client.parse(LANDSCAPE)

    with (
        foreign_server(belated) as (other, _),
        pytest.raises(BadAnswer, match="belongs to the call") as error,
    ):
        if kind == "async":
            asyncio.run(use())
        with Client(other) as client:
            client.parse(LANDSCAPE)
            client.parse(LANDSCAPE)
    assert len(set(seen)) == 2
    assert f"{seen[0]}, not to {seen[1]}" in str(error.value)


def test_the_service_gives_the_call_back(url: str) -> None:
    for path in ("/models", "/nowhere"):
        assert httpx.get(f"{url}{path}", headers={"PAG-Call": "mine"}).headers["pag-call"] == "mine"
        assert "pag-call" not in httpx.get(f"{url}{path}").headers


def test_a_proxy_may_give_requests_other_ids(url: str) -> None:
    def proxied(handler: BaseHTTPRequestHandler) -> None:
        headers = {"PAG-Call": handler.headers["PAG-Call"], "X-Request-ID": "the-proxy-s-own"}
        headers["Accept"] = handler.headers["Accept"]
        answer = httpx.post(f"{url}{handler.path}", content=LANDSCAPE, headers=headers)
        names = ("PAG-Call", "X-Request-ID", "Content-Type")
        answer_with(200, answer.content, **{name: answer.headers[name] for name in names})(handler)

    with foreign_server(proxied) as (other, _), Client(other) as client:
        assert client.parse(LANDSCAPE, request_id="ours").maps
