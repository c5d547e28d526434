"""A stream's answers by either client, and that nothing of it is left."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from pag import AsyncClient, Client, Frame
from tests.support.servers import GUARD_SECONDS

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
