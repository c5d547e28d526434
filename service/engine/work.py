"""One image's work as data: what is asked, what it costs, what came out and how long each stage took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from service.engine.session import ModelSession
from service.imaging.geometry import Fit, Size
from service.manifest import ModelManifest

Reason = Literal["client", "floor"]
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
class Cost:
    """The budget asked for and served, and what it spends: exact, known before the work."""

    requested: float
    used: float
    reason: Reason
    share: float
    multiply_adds: int


@dataclass(frozen=True)
class Parsed:
    """Maps at the size asked for: semantics uint8 [H,W], depth float32 [H,W] metres, normals float32 [H,W,3].

    `photograph` uint8 [H,W,3] is there where the options ask for it; `seconds` per stage grow until the
    answer is rendered.
    """

    manifest: ModelManifest
    maps: dict[str, NDArray[Any]]
    photograph: NDArray[np.uint8] | None
    cost: Cost
    format: str
    fit: Fit
    size: Size
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the time of the context to `stage`."""
        with timed(self.seconds, stage):
            yield


def cost_of(options: Options, plan: Fit) -> Cost:
    """What `options` spend on an image fed as `plan` says."""
    manifest = options.session.manifest
    used = manifest.used_budget(options.budget)
    reason: Reason = "floor" if used > options.budget else "client"
    share = manifest.share(used, *plan.padded)
    return Cost(options.budget, used, reason, share, manifest.multiply_adds_at(used, *plan.padded))


@contextmanager
def timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    """Add the time of the context to `seconds[stage]`."""
    start = time.perf_counter()
    try:
        yield
    finally:
        seconds[stage] = seconds.get(stage, 0.0) + time.perf_counter() - start
