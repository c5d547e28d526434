"""The resident memory of a process stays flat over many calls and many sessions."""

from __future__ import annotations

import ctypes
import gc
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.operators.models import MODELS, SAME, layer
from tests.support.operators.nodes import needs_library, session_of

pytestmark = [
    pytest.mark.slow,
    needs_library,
    pytest.mark.skipif("LD_PRELOAD" in os.environ, reason="a preloaded allocator may keep freed memory"),
]

MIB = 2**20


def resident() -> int:
    """Bytes of this process in memory, but for what has been freed: new leaks would hide in that."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def stays_flat(step: Callable[[int], None], warm: int, measured: int, most: int) -> bool:
    """Whether the process grows by less than `most` bytes over `measured` steps that follow `warm` ones.

    One round in three is enough: a leak is in each of them, a whim of the allocator is not.
    """
    for i in range(warm):
        step(i)
    return any(grown(step, measured) < most for _ in range(3))


def grown(step: Callable[[int], None], measured: int) -> int:
    """Bytes by which the process grows over `measured` steps."""
    before = resident()
    for i in range(measured):
        step(i)
    return resident() - before


@pytest.mark.parametrize("name", MODELS)
def test_calls_leave_nothing_behind(name: str) -> None:
    """Half a KiB left by each call would pass the bound; an index list of the smallest model has 6 KiB."""
    model = MODELS[name]
    session = session_of(model.proto())
    feeds = [model.feeds(seed) for seed in range(8)]
    assert stays_flat(lambda i: session.run(None, feeds[i % 8]), warm=40, measured=1000, most=MIB // 2)


def test_sessions_leave_nothing_behind() -> None:
    """A session packs 2.3 MB of weights; a tenth of that kept by each would come to 9 MiB."""
    model = layer((1, 12, 12, 256), (256, 3, 3, 256), False, **SAME)
    proto, feeds = model.proto(), model.feeds(0)
    assert stays_flat(lambda _: session_of(proto).run(None, feeds), warm=15, measured=40, most=4 * MIB)


def test_refusals_leave_nothing_behind() -> None:
    model = MODELS["3x3"]
    session = session_of(model.proto())
    feeds = model.feeds(0)
    feeds["M"] = feeds["M"][:, 1:]

    def refused(_: int) -> None:
        with pytest.raises(Exception, match="M has shape"):
            session.run(None, feeds)

    assert stays_flat(refused, warm=100, measured=1000, most=MIB)
