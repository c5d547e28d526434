"""The workers of inference: a lone image gets all threads, several get a few each or form a batch."""

from __future__ import annotations

import asyncio
import time
from bisect import insort
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from service.engine import stages
from service.engine.choice import Choice, Chooser, Estimate, Line
from service.engine.costs import Costs
from service.engine.job import Job
from service.engine.resources import Resources
from service.errors import NotReady, ServiceError
from service.imaging.decode import Photograph
from service.telemetry.metrics import Metrics

# The choice by which an image was computed, and the raw outputs of the network.
Inferred = tuple[Choice, stages.Maps]


@dataclass(frozen=True, eq=False)
class _Waiting:
    """A decoded job that waits for a worker, or is computed."""

    job: Job
    photograph: Photograph
    result: asyncio.Future[Inferred]


_Batch = list[tuple[_Waiting, Choice]]


class Inference:
    """Runs decoded jobs through their networks; owned by the event loop, so without a lock.

    `waiting` tells the admitted jobs whose inference has not begun, those here among them; `alone` whether
    only one admitted job is unanswered.
    """

    def __init__(
        self,
        resources: Resources,
        chooser: Chooser,
        costs: Costs,
        metrics: Metrics,
        waiting: Callable[[], Sequence[tuple[Job, Estimate]]],
        alone: Callable[[], bool],
    ) -> None:
        self._workers = self._free = resources.workers
        self._max_batch = resources.batch
        self._chooser = chooser
        self._costs = costs
        self._metrics = metrics
        self._waiting, self._alone = waiting, alone
        self._ready: list[_Waiting] = []
        # When each batch that computes is predicted to end, and the workers that it takes.
        self._ends: dict[asyncio.Future[list[stages.Maps]], tuple[float, int]] = {}
        self.pool = ThreadPoolExecutor(self._workers, "inference")

    async def run(self, job: Job, photograph: Photograph) -> Inferred:
        """Raw outputs of `job`, and the operating point that was chosen for it when its turn had come.

        Raises DeadlineExceeded where no budget would meet the deadline, Cancelled if the caller left.
        """
        loop = asyncio.get_running_loop()
        waiting = _Waiting(job, photograph, loop.create_future())
        insort(self._ready, waiting, key=lambda each: each.job.order)
        job.cancellation.on_stop(lambda: loop.call_soon_threadsafe(self._drop, waiting))
        self._start_what_fits()
        return await waiting.result

    def free_times(self, now: float) -> list[float]:
        """Instants at which the workers are predicted to be free, in ascending order."""
        busy = [max(end, now) for end, taken in self._ends.values() for _ in range(taken)]
        return sorted([now] * (self._workers - len(busy)) + busy)

    def _drop(self, waiting: _Waiting) -> None:
        """Forget a job that nobody waits for, unless it runs: then its run ends by itself."""
        if waiting not in self._ready:
            return
        self._ready.remove(waiting)
        try:
            waiting.job.cancellation.check()
        except ServiceError as error:
            _fail(waiting, error)

    def _start_what_fits(self) -> None:
        while self._ready and self._free:
            lone = self._free == self._workers and len(self._ready) == 1 and self._alone()
            shared = self._workers > 1 and not lone
            batch = self._next_batch(shared)
            if batch:
                self._start(batch, shared, self._workers if lone else 1)

    def _start(self, batch: _Batch, shared: bool, taken: int) -> None:
        self._free -= taken
        self._metrics.batch_size.observe(len(batch))
        manifest = batch[0][0].job.options.session.manifest
        self._metrics.executions.labels(manifest.name, manifest.version).inc()
        seconds = 0.0
        for waiting, choice in batch:
            waiting.job.progress.stage = "inference"
            seconds += self._costs.inference(waiting.job.options, choice.point, shared)
        work = asyncio.get_running_loop().run_in_executor(self.pool, self._compute, batch, shared)
        self._ends[work] = (time.perf_counter() + seconds, taken)
        work.add_done_callback(lambda done: self._done(done, batch, shared))

    def _next_batch(self, shared: bool) -> _Batch:
        """The first job that can be met and those that fit it, each with its choice."""
        batch: _Batch = []
        for waiting in tuple(self._ready):
            if len(batch) == self._max_batch:
                break
            now = time.perf_counter()
            choice = self._chooser.choose(waiting.job, now, shared, self._line(waiting, batch, now))
            if choice is None:
                waiting.job.cancellation.expire()
                self._drop(waiting)
            elif not batch or _fit_together(batch[0], (waiting, choice)):
                self._ready.remove(waiting)
                batch.append((waiting, choice))
        return batch

    def _line(self, starting: _Waiting, batch: _Batch, now: float) -> Line:
        """The others that wait when `starting` starts beside `batch`."""
        taken = {id(starting.job), *(id(waiting.job) for waiting, _ in batch)}
        others = [(job, estimate) for job, estimate in self._waiting() if id(job) not in taken]
        return Line(self.free_times(now)[1:], others)

    def _compute(self, batch: _Batch, shared: bool) -> list[stages.Maps]:
        feeds = [stages.Feed(waiting.job, waiting.photograph, choice.point) for waiting, choice in batch]
        try:
            return stages.infer(feeds, shared)
        finally:
            observe_abandoned((feed.job for feed in feeds), self._metrics)

    def _done(self, work: asyncio.Future[list[stages.Maps]], batch: _Batch, shared: bool) -> None:
        _, taken = self._ends.pop(work)
        self._free += taken
        # Threads that end leave work that they have not begun.
        error = NotReady("The server stopped.", retry_after=1) if work.cancelled() else work.exception()
        for place, (waiting, choice) in enumerate(batch):
            seconds = waiting.job.progress.seconds["inference"] / len(batch)
            whole = error is None and not waiting.job.cancellation.stopped
            # One that was stopped would have taken longer still; else what is always missed is never learned.
            if whole or seconds > choice.network_seconds:
                self._costs.learn_inference(waiting.job.options, choice.point, shared, seconds)
            if waiting.result.done():
                continue
            if error is not None:
                _fail(waiting, error)
            else:
                waiting.result.set_result((choice, work.result()[place]))
        self._start_what_fits()


def _fail(waiting: _Waiting, error: BaseException) -> None:
    if not waiting.result.done():
        waiting.result.set_exception(error)


def _fit_together(first: tuple[_Waiting, Choice], other: tuple[_Waiting, Choice]) -> bool:
    """Whether two jobs may be computed in one batch: budgets may differ, sizes may not."""
    (one, its_choice), (another, other_choice) = first, other
    return (
        one.job.options.session is another.job.options.session
        and one.job.options.maps == another.job.options.maps
        and its_choice.point.resize.padded == other_choice.point.resize.padded
    )


def observe_abandoned(jobs: Iterable[Job], metrics: Metrics) -> None:
    """Note how long after its stop the compute of each stopped job went on; called where it ends."""
    now = time.perf_counter()
    for job in jobs:
        if job.cancellation.stopped_at is not None:
            metrics.abandoned_seconds.observe(now - job.cancellation.stopped_at)
