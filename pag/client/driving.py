"""Does what a talk says: sends what it wants sent, and waits when it wants to wait."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from pag.client.exchange import Answer, Failure, Pause, Talk, Try

T = TypeVar("T")
Reply = Answer | Failure


@dataclass(frozen=True)
class _End(Generic[T]):
    result: T


def run(talk: Talk[T], send: Callable[[Try], Reply]) -> T:
    """The talk's result."""
    reply: Reply | None = None
    while not isinstance(step := _next(talk, reply), _End):
        reply = None
        if isinstance(step, Try):
            reply = send(step)
        else:
            time.sleep(step.seconds)
    return step.result


async def run_async(talk: Talk[T], send: Callable[[Try], Awaitable[Reply]]) -> T:
    """The same for asyncio."""
    reply: Reply | None = None
    while not isinstance(step := await _next_async(talk, reply), _End):
        reply = None
        if isinstance(step, Try):
            reply = await send(step)
        else:
            await asyncio.sleep(step.seconds)
    return step.result


async def _next_async(talk: Talk[T], reply: Reply | None) -> Try | Pause | _End[T]:
    if isinstance(reply, Answer):
        # To read maps takes many milliseconds: they would hold up the loop.
        return await asyncio.to_thread(_next, talk, reply)
    return _next(talk, reply)


def _next(talk: Talk[T], reply: Reply | None) -> Try | Pause | _End[T]:
    try:
        return talk.send(reply)
    except StopIteration as end:
        return _End(end.value)
