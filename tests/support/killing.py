"""Writers that are killed in the midst of their work."""

from __future__ import annotations

import multiprocessing
import random
import time
from collections.abc import Callable

FORK = multiprocessing.get_context("fork")
LONGEST_SECONDS = 0.06


def killed(write: Callable[[int], object]) -> None:
    """Call `write` with 0, 1, 2, ... in a process that is killed in the midst of it."""
    begun = FORK.Event()

    def work() -> None:
        for number in range(1_000_000):
            write(number)
            begun.set()

    process = FORK.Process(target=work)
    process.start()
    assert begun.wait(60)
    time.sleep(random.uniform(0, LONGEST_SECONDS))
    process.kill()
    process.join()
