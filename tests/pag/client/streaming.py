"""A stream's answers by either client, and that nothing of it is left."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from pag import AsyncClient, Client, Frame
from tests.service.conftest import GUARD_SECONDS
from tests.service.test_server import until

Collect = Callable[..., list[Frame]]


def collect_sync(url: str, frames: Iterable[Any], most: int | None = None, **options: Any) -> list[Frame]:
    settings = {"timeout": GUARD_SECONDS, **options.pop("settings", {})}
    note = options.pop("note", lambda frame: None)
    answers = []
    with Client(url, **settings) as client:
        for frame in client.stream(frames, **options):
            note(frame)
            answers.append(frame)
            if len(answers) == most:
                break
    return answers


def collect_async(url: str, frames: Iterable[Any], most: int | None = None, **options: Any) -> list[Frame]:
    settings = {"timeout": GUARD_SECONDS, **options.pop("settings", {})}
    note = options.pop("note", lambda frame: None)
    answers = []

    async def collect() -> None:
        async with AsyncClient(url, **settings) as client, client.stream(frames, **options) as stream:
            async for frame in stream:
                note(frame)
                answers.append(frame)
                if len(answers) == most:
                    break

    asyncio.run(collect())
    return answers


@pytest.fixture(params=[collect_sync, collect_async], ids=["sync", "async"])
def collect(request: pytest.FixtureRequest) -> Collect:
    """A stream's answers, by either client."""
    function: Collect = request.param
    return function


@pytest.fixture
def no_threads_left() -> Iterator[None]:
    yield
    until(lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("pag-")])
