"""Many photographs through one client: in order, with several requests at a time, at the budget asked for."""

from __future__ import annotations

import time
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sized
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from itertools import islice
from typing import Literal

from pag.client.calls import ParseOptions
from pag.client.errors import Busy, PagError
from pag.client.images import Image
from pag.client.results import Parsing

Errors = Literal["raise", "return"]
Answer = Parsing | PagError
# Where a full server does not say when to come back.
PAUSE_SECONDS = 1.0


def parse_many(
    parse: Callable[[Image], Parsing],
    images: Iterable[Image],
    workers: int,
    patience: float,
    errors: Errors,
    progress: bool,
) -> Iterator[Answer]:
    """The answers of `parse` in the order of `images`, of which so many are taken ahead as `workers` need."""
    if workers < 1:
        raise ValueError(f"workers is the number of requests at a time, at least 1, not {workers}")
    if errors not in ("raise", "return"):
        raise ValueError(f"errors is 'raise' or 'return', not {errors!r}")
    return _answers(lambda image: _patient(parse, image, patience), images, workers, errors, progress)


def holding_budget(options: ParseOptions) -> ParseOptions:
    """The options, with `min_budget` at the budget unless it is given: under load photographs wait."""
    budget = options.get("budget")
    if budget is None or options.get("min_budget") is not None:
        return options
    return {**options, "min_budget": budget}


def _answers(
    parse: Callable[[Image], Parsing], images: Iterable[Image], workers: int, errors: Errors, progress: bool
) -> Iterator[Answer]:
    rest, waiting = iter(images), deque[Future[Parsing]]()
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(workers, "pag-parse-many"))
        # Whoever stops iterating wants no more photographs sent.
        stack.callback(lambda: [future.cancel() for future in waiting])
        step = _bar(stack, len(images) if isinstance(images, Sized) else None) if progress else None
        warned = False
        waiting.extend(pool.submit(parse, image) for image in islice(rest, 2 * workers))
        while waiting:
            answer = _answer(waiting.popleft(), errors)
            waiting.extend(pool.submit(parse, image) for image in islice(rest, 1))
            if isinstance(answer, Parsing) and not warned and answer.budget.used < answer.budget.requested:
                warned = True
                warnings.warn(
                    f"A photograph was parsed at budget {answer.budget.used:g} instead of "
                    f"{answer.budget.requested:g} ({answer.budget.reason}); there may be more: "
                    "min_budget=budget has them wait instead.",
                    stacklevel=2,
                )
            if step:
                step()
            yield answer


def _answer(future: Future[Parsing], errors: Errors) -> Answer:
    try:
        return future.result()
    except PagError as error:
        if errors == "raise":
            raise
        return error


def _patient(parse: Callable[[Image], Parsing], image: Image, patience: float) -> Parsing:
    """As `parse`, again and again while the server is full, for `patience` seconds at most."""
    end = time.monotonic() + patience
    while True:
        try:
            return parse(image)
        except Busy as error:
            pause = error.retry_after or PAUSE_SECONDS
            if time.monotonic() + pause > end:
                raise
            time.sleep(pause)


def _bar(stack: ExitStack, total: int | None) -> Callable[[], None]:
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import MofNCompleteColumn, Progress  # noqa: PLC0415

    columns = (*Progress.get_default_columns(), MofNCompleteColumn())
    bar = stack.enter_context(Progress(*columns, console=Console(stderr=True)))
    task = bar.add_task("photographs", total=total)
    return lambda: bar.advance(task)
