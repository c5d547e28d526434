"""One image's work as data: what is asked, what it costs, what came out and how long each stage took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.budget import OperatingPoint
from service.engine.session import ModelSession
from service.manifest import ModelManifest
from service.sizes import Size

STAGES = ("decode", "preprocess", "queue", "inference", "postprocess", "encode")


@dataclass(frozen=True)
class Options:
    """What is asked of one image, every default filled in and every name known."""

    session: ModelSession
    tasks: tuple[str, ...]
    budget: float
    size: Size
    photograph: bool = False


@dataclass(frozen=True)
class Parsed:
    """Maps at the size asked for: semantics uint8 [H,W], depth float32 [H,W] metres, normals float32 [H,W,3].

    `photograph` uint8 [H,W,3] is there where the options ask for it; `seconds` per stage grow until the
    answer is rendered.
    """

    manifest: ModelManifest
    maps: dict[str, NDArray[Any]]
    photograph: NDArray[np.uint8] | None
    point: OperatingPoint
    format: str
    size: Size
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the time of the context to `stage`."""
        with timed(self.seconds, stage):
            yield


@contextmanager
def timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    """Add the time of the context to `seconds[stage]`."""
    start = time.perf_counter()
    try:
        yield
    finally:
        seconds[stage] = seconds.get(stage, 0.0) + time.perf_counter() - start
