"""Does what a talk says: sends what it wants sent, and waits when it wants to wait."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar, cast

from pag.client.exchange import Answer, Failure, Talk, Try

T = TypeVar("T")
Reply = Answer | Failure


def run(talk: Talk[T], send: Callable[[Try], Reply]) -> T:
    """The talk's result."""
    reply: Reply | None = None
    while True:
        try:
            step = talk.send(reply)
        except StopIteration as end:
            return cast(T, end.value)
        reply = None
        if isinstance(step, Try):
            reply = send(step)
        else:
            time.sleep(step.seconds)


async def run_async(talk: Talk[T], send: Callable[[Try], Awaitable[Reply]]) -> T:
    """The same for asyncio."""
    reply: Reply | None = None
    while True:
        try:
            step = talk.send(reply)
        except StopIteration as end:
            return cast(T, end.value)
        reply = None
        if isinstance(step, Try):
            reply = await send(step)
        else:
            await asyncio.sleep(step.seconds)
