"""How programs hold a client: what they see of the package, loops and threads, and clients put away."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable
from typing import Self

import httpx
import pytest

import pag
from pag import AsyncClient, Client, PagError, TlsFailed
from pag.client.calls import Call, parse_request
from pag.client.decode import NPZ
from tests.support.photographs import LANDSCAPE
from tests.support.servers import GUARD_SECONDS


def test_the_package_shows_what_it_holds() -> None:
    assert {"AsyncClient", "Client", "Parsing", "__version__"} <= set(dir(pag))
    assert pag.__version__ and "client.parse(" in (pag.__doc__ or "")
    with pytest.raises(AttributeError, match="no attribute 'Clint'"):
        _ = pag.Clint  # type: ignore[attr-defined]


@pytest.mark.parametrize("parse", [Client.parse, AsyncClient.parse])
def test_help_names_options_with_values_and_units(parse: Callable[..., object]) -> None:
    for words in ("(0, 1]", "milliseconds", "`maps`", '"model"', "`models()`", "ValueError"):
        assert words in (parse.__doc__ or "")


def test_answers_are_read_beside_the_loop(url: str) -> None:
    call = Call(parse_request(LANDSCAPE, NPZ, {}), lambda _: threading.current_thread())

    async def use() -> threading.Thread:
        async with AsyncClient(url, timeout=GUARD_SECONDS) as other:
            return await other.call(call)

    assert asyncio.run(use()) is not threading.current_thread()
    with Client(url, timeout=GUARD_SECONDS) as client:
        assert client.call(call) is threading.current_thread()


def test_a_closed_client_says_so(url: str) -> None:
    with Client(url) as client:
        pass
    for call in (client.models, client.ready, client.wait_until_ready, lambda: client.parse(LANDSCAPE)):
        with pytest.raises(PagError, match=r"closed: make another with Client\(\.\.\.\)"):
            call()

    async def use() -> None:
        async with AsyncClient(url) as other:
            pass
        await other.models()

    with pytest.raises(PagError, match="closed: make another with AsyncClient"):
        asyncio.run(use())


def test_an_async_client_belongs_to_one_loop(url: str) -> None:
    client = AsyncClient(url, timeout=GUARD_SECONDS)
    with asyncio.Runner() as first:
        first.run(client.wait_until_ready())
        with pytest.raises(PagError, match="another event loop: make one AsyncClient in each"):
            asyncio.run(client.models())
        assert first.run(client.models())
        first.run(client.aclose())


# The ended loop leaves its connection to the collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_async_client_can_be_closed_after_its_loop_has_ended(url: str) -> None:
    client = AsyncClient(url, timeout=GUARD_SECONDS)
    asyncio.run(client.wait_until_ready())
    with pytest.raises(PagError, match="another event loop"):
        asyncio.run(client.models())
    asyncio.run(client.aclose())
    del client
    gc.collect()


# The HTTP library leaves a socket that did not connect to the collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_server_without_tls_is_told_from_one_that_is_not_there(url: str) -> None:
    secure = url.replace("http", "https")
    with Client(secure, retries=1000, timeout=GUARD_SECONDS) as client:
        calls: list[Callable[[], object]] = [
            client.ready,
            client.wait_until_ready,
            client.models,
            lambda: list(client.stream([LANDSCAPE])),
        ]
        for call in calls:
            with pytest.raises(TlsFailed, match=f"No TLS with {secure}.*write http:// instead"):
                call()

    async def use() -> None:
        async with AsyncClient(secure, retries=1000, timeout=GUARD_SECONDS) as other:
            with pytest.raises(TlsFailed, match="write http:// instead"):
                await other.ready()
            await other.models()

    with pytest.raises(TlsFailed, match="write http:// instead"):
        asyncio.run(use())
    gc.collect()


def test_a_library_that_would_lose_the_time_limit_is_named() -> None:
    class Elsewhere(httpx.HTTPTransport):
        def __init__(self) -> None:
            super().__init__()
            self._connections = vars(self).pop("_pool")

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            self.close()

        def close(self) -> None:
            self._connections.close()

    with (
        Elsewhere() as transport,
        pytest.raises(RuntimeError, match=r"httpx==0\.28"),
        Client("http://127.0.0.1:9", transport=transport) as client,
    ):
        client.ready()
