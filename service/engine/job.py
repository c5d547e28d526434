"""A job: one image's requested options, the signal that stops its work, and the times of its stages."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.engine.models import ModelSession
from service.errors import Cancelled, DeadlineExceeded, ServiceError
from service.model_folder.geometry import Size
from service.model_folder.manifest import ModelManifest
from service.model_folder.operating_point import OperatingPoint, Reason

STAGES = ("decode", "preprocess", "queue", "inference", "postprocess", "encode")
DEFAULT_PRIORITY = 100
# A job without a deadline is queued as if it had to be answered so long after its arrival.
PATIENCE_SECONDS = 1.0


class Stoppable:
    """A stop signal, given from any thread, any number of times."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._error: Callable[[], ServiceError] | None = None
        self._listeners: list[Callable[[], object]] = []
        self.stopped_at: float | None = None

    @property
    def stopped(self) -> bool:
        """Whether nobody waits for the result any more."""
        return self._error is not None

    def check(self) -> None:
        """Raise Cancelled or DeadlineExceeded if nobody waits for the result any more."""
        if self._error is not None:
            raise self._error()

    def on_stop(self, listener: Callable[[], object]) -> None:
        """Call `listener` in the thread that stops the work; at once if it is stopped."""
        with self._lock:
            if self._error is None:
                self._listeners.append(listener)
                return
        listener()

    @contextmanager
    def listening(self, listener: Callable[[], object]) -> Iterator[None]:
        """Call `listener` if the work is stopped within the context; raise as `check` if it was before."""
        with self._lock:
            self.check()
            self._listeners.append(listener)
        try:
            yield
        finally:
            with self._lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)

    def forget(self) -> None:
        """Drop all listeners, so that the image and maps that they hold are freed with their request."""
        with self._lock:
            self._listeners.clear()

    def _stop(self, error: Callable[[], ServiceError]) -> None:
        with self._lock:
            if self._error is not None:
                return
            self._error = error
            self.stopped_at = time.perf_counter()
            listeners, self._listeners = self._listeners, []
        for listener in listeners:
            listener()


class Cancellation(Stoppable):
    """The stop signal of one request."""

    def cancel(self) -> None:
        """Stop: the caller has left."""
        self._stop(lambda: Cancelled("The caller left before the work was done."))

    def expire(self) -> None:
        """Stop: the deadline has passed."""
        self._stop(lambda: DeadlineExceeded("The deadline passed before the answer was made."))


class Together(Stoppable):
    """The stop signal of a batch: given once every member's has been, so that no member harms another."""

    def __init__(self, members: Sequence[Stoppable]) -> None:
        super().__init__()
        self._waiting = len(members)
        for member in members:
            member.on_stop(self._one_less)

    def _one_less(self) -> None:
        with self._lock:
            self._waiting -= 1
            last = self._waiting == 0
        if last:
            self._stop(lambda: Cancelled("Every caller of the batch left before the work was done."))


@dataclass(frozen=True)
class Options:
    """The requested options of one image: every default filled in, every name known.

    Attributes:
        maps: names of the maps to return, in the manifest's order.
        budget: largest budget to spend, in (0,1].
        min_budget: least acceptable budget, at most `budget`; None: the model's own floor.
        requested_by: whether `budget` comes from the client or is a default.
        deadline: instant of time.perf_counter() by which the answer must be there; None: no deadline.
        priority: 1 is served first; DEFAULT_PRIORITY where none is stated.
        representation: name of the answer's form, by which the costs of making it are told apart.
    """

    session: ModelSession
    maps: tuple[str, ...]
    budget: float
    size: Size
    photograph: bool = False
    min_budget: float | None = None
    requested_by: Reason = "client"
    deadline: float | None = None
    priority: int = DEFAULT_PRIORITY
    representation: str = ""

    @property
    def floor(self) -> float:
        """Least budget that may be chosen for this image: the client's, or the model's own."""
        floor = self.session.manifest.budget.floor if self.min_budget is None else self.min_budget
        return min(self.budget, floor)


@dataclass
class Progress:
    """The only part of a job that changes: the stage it is in, and the seconds that each stage took so far.

    Metrics read the stage where a job is stopped; the answer reports the seconds.
    """

    stage: str = "queue"
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the time of the context to the seconds of `stage`."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] += time.perf_counter() - start


@dataclass(frozen=True)
class Parsed:
    """Maps at the requested size, by name: uint8 [H,W] of kind labels, float32 [H,W] or [H,W,3] of others.

    `photograph` uint8 [H,W,3] is there where the options request it; the seconds of `progress` grow until the
    answer is rendered.
    """

    manifest: ModelManifest
    maps: dict[str, NDArray[Any]]
    photograph: NDArray[np.uint8] | None
    point: OperatingPoint
    format: str
    size: Size
    progress: Progress = field(default_factory=Progress)
    cancellation: Cancellation = field(default_factory=Cancellation)

    @property
    def seconds(self) -> dict[str, float]:
        """Seconds that each stage took so far."""
        return self.progress.seconds

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the time of the context to `stage`; raises if nobody waits for the answer any more."""
        self.cancellation.check()
        with self.progress.timed(stage):
            yield


Render = Callable[[Parsed, Executor], Any]


@dataclass(frozen=True, eq=False)
class Job:
    """One image to parse; but for `progress` it never changes.

    Attributes:
        source: an encoded image, or pixels uint8 [H,W,3].
        render: makes the answer of the parsed image, in a codec thread.
        height, width: in pixels, of the upright photograph; `format` as sniffed.
        arrived, due: instants of time.perf_counter(); at `due` the job is given up.
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
    progress: Progress = field(default_factory=Progress)

    @property
    def pixels(self) -> int:
        """Pixels of the photograph as sent."""
        return self.height * self.width

    @property
    def order(self) -> tuple[int, float]:
        """Where the job stands in a queue: first by priority, then by the earliest deadline."""
        options = self.options
        wanted = self.arrived + PATIENCE_SECONDS if options.deadline is None else options.deadline
        return options.priority, wanted
