"""Parsing all images of one request, a few at a time; each is stopped once its answer is of no use."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from starlette.requests import Request

from service.engine.engine import Engine
from service.engine.job import Cancellation, Options, Parsed
from service.engine.memory import Lease
from service.errors import DeadlineExceeded, InvalidParameter, Overloaded
from service.routes.request import cancelled_on_disconnect
from service.routes.v2.outputs import ImageTensors
from service.routes.v2.tensors import Source
from service.settings import Settings

ImageAnswer = tuple[Parsed, ImageTensors]


async def parse_all(
    request: Request,
    engine: Engine,
    sources: Sequence[Source],
    options: Options,
    render: Callable[[Parsed], ImageTensors],
    settings: Settings,
    lease: Lease,
) -> list[ImageAnswer]:
    """Every image's answer, in order; if one fails or the client leaves, the others are stopped."""
    # More at a time would only wait: for the engine that is load, on which it lowers budgets and refuses.
    window = engine.resources.workers * engine.resources.batch + 1
    places = asyncio.Semaphore(window)
    cancellations = [Cancellation() for _ in sources]

    async def one(source: Source, options: Options, cancellation: Cancellation) -> ImageAnswer:
        async with places:
            cancellation.check()
            return await engine.parse(source, options, lambda parsed, _: render(parsed), cancellation, lease)

    # The engine limits the time of each image; where some wait for others, all together are limited too.
    limit = settings.timeout_seconds if len(sources) > window else None
    async with cancelled_on_disconnect(request, *cancellations), _limited(limit):
        jobs = zip(sources, _each(options, len(sources), window), cancellations, strict=True)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(*job)) for job in jobs]
        except ExceptionGroup as failures:
            # The others' errors follow from the first.
            raise failures.exceptions[0] from None
    answers = [task.result() for task in tasks]
    _check_stackable(answers)
    return answers


def _each(options: Options, count: int, window: int) -> list[Options]:
    """Options of every image; those that come first leave time before the deadline for those that follow."""
    if options.deadline is None:
        return [options] * count
    now, turns = time.perf_counter(), math.ceil(count / window)
    shares = [(place // window + 1) / turns for place in range(count)]
    return [replace(options, deadline=now + share * (options.deadline - now)) for share in shares]


@asynccontextmanager
async def _limited(seconds: float | None) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        detail = f"The images were not done within {seconds:g} seconds, the server's own deadline."
        raise DeadlineExceeded(detail) from error


def _check_stackable(answers: Sequence[ImageAnswer]) -> None:
    sizes = {rendered.size for _, rendered in answers}
    if len(sizes) == 1:
        return
    found = ", ".join(f"{height} x {width}" for height, width in sorted(sizes))
    if len({parsed.point.resize.source for parsed, _ in answers}) == 1:
        detail = f"Load lowered the budget, and so the size, of some images of this request alone: {found}."
        raise Overloaded(f"{detail} Retry, or send them one by one or with size=input.", retry_after=1)
    raise InvalidParameter(f"The maps differ in size: {found}. Send the images one by one.")
