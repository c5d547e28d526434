"""Several requests under way at a time, their answers in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def in_order(
    items: Iterable[T], work: Callable[[T], R], jobs: int, window: int | None = None
) -> Iterator[tuple[T, R]]:
    """Each item with what `work` made of it, in the order of the items; `jobs` at a time.

    At most `window` items (default: as many as jobs) are taken before the first of them is given back.
    """
    pool = ThreadPoolExecutor(jobs, "request")
    pending: deque[tuple[T, Future[R]]] = deque()
    try:
        for item in items:
            pending.append((item, pool.submit(work, item)))
            while len(pending) >= (window or jobs) or (pending and pending[0][1].done()):
                first, future = pending.popleft()
                yield first, future.result()
        for first, future in pending:
            yield first, future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
