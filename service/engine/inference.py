"""Shares the threads of inference: a lone image gets them all, several get a few each or form a batch."""

from __future__ import annotations

import asyncio
import time
from bisect import insort
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from service.engine import stages
from service.engine.choice import Chooser
from service.engine.costs import Costs
from service.engine.job import Job
from service.engine.queue import place_of
from service.engine.threads import batch_of, workers_of
from service.errors import NotReady, ServiceError
from service.settings import Settings
from service.telemetry.metrics import Metrics

Raw = stages.Maps


class Inference:
    """Decoded jobs wait here for the network; owned by the event loop, so without a lock.

    `on_their_way` tells how many jobs the scheduler has taken in and not answered, those here among them.
    """

    def __init__(self, settings: Settings, chooser: Chooser, costs: Costs, metrics: Metrics) -> None:
        self._workers = self._free = workers_of(settings)
        self._max_batch = batch_of(settings)
        self._chooser = chooser
        self._costs = costs
        self._metrics = metrics
        self._ready: list[Job] = []
        self._answers: dict[Job, asyncio.Future[Raw]] = {}
        # When each worker that computes is predicted to be free again.
        self._ends: dict[int, tuple[float, int]] = {}
        self.pool = ThreadPoolExecutor(self._workers, "inference")
        self.on_their_way: Callable[[], int] = lambda: 0

    async def run(self, job: Job) -> Raw:
        """Raw outputs of `job`, whose photograph is decoded; sets its operating point."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Raw] = loop.create_future()
        self._answers[job] = answer
        insort(self._ready, job, key=place_of)
        job.cancellation.on_stop(lambda: loop.call_soon_threadsafe(self._drop, job))
        self._cut()
        try:
            return await answer
        finally:
            del self._answers[job]

    def free_times(self, now: float) -> list[float]:
        """Instants at which the workers are predicted to be free, in ascending order."""
        busy = [max(end, now) for end, taken in self._ends.values() for _ in range(taken)]
        return sorted([now] * (self._workers - len(busy)) + busy)

    def _drop(self, job: Job) -> None:
        """Forget a job that nobody waits for, unless it runs: then its run ends by itself."""
        if job not in self._ready:
            return
        self._ready.remove(job)
        try:
            job.cancellation.check()
        except ServiceError as error:
            self._answers[job].set_exception(error)

    def _cut(self) -> None:
        """Start what the free threads allow."""
        while self._ready and self._free:
            lone = self._free == self._workers and len(self._ready) == 1 and self.on_their_way() == 1
            shared = self._workers > 1 and not lone
            batch = self._batch(shared)
            if batch:
                self._start(batch, shared, self._workers if lone else 1)

    def _start(self, batch: list[Job], shared: bool, taken: int) -> None:
        self._free -= taken
        self._metrics.batch_size.observe(len(batch))
        seconds = 0.0
        for job in batch:
            job.stage = "inference"
            assert job.point is not None
            seconds += self._costs.inference(job.options, job.point, shared)
        self._ends[id(batch)] = (time.perf_counter() + seconds, taken)
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self.pool, self._compute, batch, shared)
        work.add_done_callback(lambda done: self._done(done, batch, shared, taken))

    def _batch(self, shared: bool) -> list[Job]:
        """The first job that can be met and those that fit it; the operating points of all are set."""
        batch: list[Job] = []
        for job in tuple(self._ready):
            if len(batch) == self._max_batch:
                break
            if not self._choose(job, shared):
                job.cancellation.expire()
                self._drop(job)
            elif not batch or _alike(batch[0], job):
                self._ready.remove(job)
                batch.append(job)
        return batch

    def _choose(self, job: Job, shared: bool) -> bool:
        now = time.perf_counter()
        choice = self._chooser.choose(job, now, shared)
        if choice is not None:
            job.point, job.predicted, job.started, job.shared = choice.point, choice.seconds, now, shared
        return choice is not None

    def _compute(self, batch: list[Job], shared: bool) -> list[Raw]:
        try:
            return stages.infer(batch, shared)
        finally:
            observe_abandoned(batch, self._metrics)

    def _done(self, work: asyncio.Future[list[Raw]], batch: list[Job], shared: bool, taken: int) -> None:
        self._free += taken
        del self._ends[id(batch)]
        # Threads that end leave work that they have not begun.
        error = NotReady("The server stopped.", retry_after=1) if work.cancelled() else work.exception()
        for place, job in enumerate(batch):
            answer = self._answers.get(job)
            if answer is None or answer.done():
                continue
            if error is not None:
                answer.set_exception(error)
            else:
                self._learn(job, len(batch), shared)
                answer.set_result(work.result()[place])
        self._cut()

    def _learn(self, job: Job, images: int, shared: bool) -> None:
        assert job.point is not None
        self._costs.learn_inference(job.options, job.point, shared, job.seconds["inference"] / images)


def _alike(first: Job, other: Job) -> bool:
    """Whether two jobs may be computed in one batch: budgets may differ, sizes may not."""
    assert first.point is not None and other.point is not None
    return (
        first.options.session is other.options.session
        and first.options.tasks == other.options.tasks
        and first.point.resize.padded == other.point.resize.padded
    )


def observe_abandoned(jobs: list[Job], metrics: Metrics) -> None:
    """Note how long after its stop the compute of each stopped job went on; called where it ends."""
    now = time.perf_counter()
    for job in jobs:
        if job.cancellation.stopped_at is not None:
            metrics.abandoned_seconds.observe(now - job.cancellation.stopped_at)
