"""One image's work as data: what is asked, what it costs, what came out and how long each stage took."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.engine.cancellation import Cancellation
from service.engine.session import ModelSession
from service.imaging.decode import Photograph
from service.model_folder.manifest import ModelManifest
from service.model_folder.operating_point import OperatingPoint, Reason
from service.model_folder.resize import Size

STAGES = ("decode", "preprocess", "queue", "inference", "postprocess", "encode")
DEFAULT_PRIORITY = 100


@dataclass(frozen=True)
class Options:
    """What is asked of one image, every default filled in and every name known.

    Attributes:
        budget: most that may be spent, in (0,1].
        least: less than this is not wanted, at most `budget`; None: whatever the server can.
        origin: whether `budget` is the client's or a default.
        deadline: instant of time.perf_counter() by which the answer is wanted; None: no matter.
        priority: 1 is first; DEFAULT_PRIORITY where none is stated.
        answer: kind of answer, by which the costs of making it are told apart.
    """

    session: ModelSession
    tasks: tuple[str, ...]
    budget: float
    size: Size
    photograph: bool = False
    least: float | None = None
    origin: Reason = "client"
    deadline: float | None = None
    priority: int = DEFAULT_PRIORITY
    answer: str = ""

    @property
    def floor(self) -> float:
        """Least budget that may be chosen for this image: the client's, or the model's own."""
        floor = self.session.manifest.budget.floor if self.least is None else self.least
        return min(self.budget, floor)


@dataclass(frozen=True)
class Parsed:
    """Maps at the requested size, by name: uint8 [H,W] of kind labels, float32 [H,W] or [H,W,3] of others.

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
    cancellation: Cancellation = field(default_factory=Cancellation)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the time of the context to `stage`; raise if nobody waits for it any more."""
        self.cancellation.check()
        with timed(self.seconds, stage):
            yield


Render = Callable[[Parsed, Executor], Any]


@dataclass(eq=False)
class Job:
    """One image on its way through the engine.

    Attributes:
        source: an encoded image, or pixels uint8 [H,W,3].
        height, width: of the upright photograph; `format` as sniffed.
        arrived, due: instants of time.perf_counter(); at `due` it is given up.
        answer: what `render` made, or the error.
        cost: predicted thread-seconds in all, at the budget that it is likely to get.
        ahead: predicted thread-seconds of what was before it when it came.
        network: predicted seconds of its inference beside others.
        delay: predicted seconds from `submitted` until its inference can start; None if nobody was before it.
        photograph: the decoded source, until it is fed to the network.
        point: where on the knob it is computed.
        predicted, started: seconds from the choice of `point` to the answer, and when it was chosen.
        shared: whether others compute at the same time.
        stage: where it is now.
    """

    source: bytes | NDArray[np.uint8]
    options: Options
    render: Render
    cancellation: Cancellation
    format: str
    height: int
    width: int
    arrived: float
    due: float
    answer: asyncio.Future[tuple[Parsed, Any]]
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))
    cost: float = 0.0
    ahead: float = 0.0
    network: float = 0.0
    submitted: float = 0.0
    delay: float | None = None
    photograph: Photograph | None = None
    point: OperatingPoint | None = None
    predicted: float = 0.0
    started: float = 0.0
    shared: bool = False
    stage: str = "queue"


@contextmanager
def timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    """Add the time of the context to `seconds[stage]`."""
    start = time.perf_counter()
    try:
        yield
    finally:
        seconds[stage] = seconds.get(stage, 0.0) + time.perf_counter() - start
