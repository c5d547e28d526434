"""The scheduler: admits jobs, queues them undecoded, and takes each through its stages to its answer."""

from __future__ import annotations

import asyncio
import math
import random
import time
from bisect import insort
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from heapq import heapreplace
from typing import Any, TypeVar

from service.engine import stages
from service.engine.brownout import Brownout, Capacity, Load
from service.engine.choice import Choice, Chooser, Estimate
from service.engine.costs import Costs
from service.engine.inference import Inference, observe_abandoned
from service.engine.job import DEFAULT_PRIORITY, Job, Options, Parsed
from service.engine.resources import Resources
from service.errors import Cancelled, DeadlineExceeded, DeadlineUnreachable, Overloaded, ServiceError
from service.settings import Settings
from service.telemetry.metrics import Metrics

T = TypeVar("T")
Answer = tuple[Parsed, Any]
# Expected remaining share of a running job.
REMAINING = 0.5
TOO_LONG = "The wait would be about {:.2g} s, longer than this server lets anyone wait."

MISSED = (
    "The deadline is {:.0f} ms away. Beside others, with the least budgets for all, the answer would take "
    "{:.0f} ms, {:.0f} ms of them a wait."
)


@dataclass(frozen=True, eq=False)
class Entry:
    """An admitted job, queued or running.

    Attributes:
        estimate: its predicted cost when it was admitted.
        ahead: predicted thread-seconds of all that was before it then.
        delay: predicted seconds from then until its inference can start; None if nothing was before it.
        least_delay: the same if all before it get their least budgets.
        admitted: that instant of time.perf_counter().
        answer: the parsed image and what `job.render` made of it, or the error.
    """

    job: Job
    estimate: Estimate
    ahead: float
    delay: float | None
    least_delay: float | None
    admitted: float
    answer: asyncio.Future[Answer]


class Queue:
    """Admitted jobs that wait, in the order in which they are taken."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    @property
    def cost(self) -> float:
        """Predicted thread-seconds of all that wait."""
        return sum(entry.estimate.cost for entry in self._entries)

    def add(self, entry: Entry) -> None:
        """Put `entry` at its place."""
        insort(self._entries, entry, key=lambda each: each.job.order)

    def pop(self) -> Entry:
        """Take the first."""
        return self._entries.pop(0)

    def remove(self, entry: Entry) -> None:
        """Take `entry` out, unless it was taken before."""
        if entry in self._entries:
            self._entries.remove(entry)

    def around(self, job: Job) -> tuple[list[Entry], list[Entry]]:
        """Who would stand before `job`, and who behind it."""
        before = [entry for entry in self._entries if entry.job.order <= job.order]
        return before, self._entries[len(before) :]


class Scheduler:
    """Runs jobs; owned by the event loop, so without locks.

    Jobs wait undecoded, where leaving or expiring costs nothing. So many are taken out at a time as keep the
    threads busy: one inference per worker, and as many more as there are threads to decode and encode.
    """

    def __init__(self, settings: Settings, resources: Resources, costs: Costs, metrics: Metrics) -> None:
        self._max_wait = settings.max_wait_seconds
        self._max_pixels = settings.max_pixels
        self._threads = resources.threads
        self._costs = costs
        self._metrics = metrics
        self._brownout = Brownout(settings)
        self._load = Load()
        self._chooser = Chooser(costs, self._brownout)
        self._queue = Queue()
        self._running: set[Entry] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._places = resources.workers * resources.batch + resources.codec_threads
        self._codecs = ThreadPoolExecutor(resources.codec_threads, "codec")
        # A codec thread waits for these, so they are not codec threads themselves.
        self._maps = ThreadPoolExecutor(resources.codec_threads, "maps")
        self._inference = Inference(resources, self._chooser, costs, metrics, self._waiting, self._alone)
        metrics.queue_depth.set_function(lambda: len(self._queue))
        metrics.backlog_seconds.set_function(self._backlog_seconds)
        metrics.brownout_level.set_function(lambda: 1 - self._brownout.ceiling)

    @property
    def inference_pool(self) -> Executor:
        """The threads of inference, for the warm-up."""
        return self._inference.pool

    def submit(self, job: Job) -> asyncio.Future[Answer]:
        """Put `job` into the queue; raises Overloaded or DeadlineUnreachable at once if that is hopeless."""
        entry = self._admit(job, time.perf_counter())
        self._queue.add(entry)
        loop = asyncio.get_running_loop()
        job.cancellation.on_stop(lambda: loop.call_soon_threadsafe(self._stopped, entry))
        expiry = loop.call_later(max(0.0, job.due - entry.admitted), job.cancellation.expire)

        def answered(_: object) -> None:
            expiry.cancel()
            job.cancellation.forget()

        entry.answer.add_done_callback(answered)
        self._dispatch()
        return entry.answer

    def refuse_if_full(self, options: Options) -> None:
        """Raise Overloaded if a request would be refused whatever its image, before that arrives."""
        ordinary = options.deadline is None and options.priority >= DEFAULT_PRIORITY
        if ordinary and self._record_wait() > self._max_wait:
            raise self._overloaded(TOO_LONG)

    def tick(self, now: float) -> None:
        """Let the brown-out act on the load since the last tick; `now` as of time.perf_counter()."""
        # A job that runs alone makes nobody wait, however long it takes.
        if len(self._queue):
            self._record_wait()
        self._brownout.tick(now, self._load, Capacity(self._threads, self._costs.wait(1.0)))

    def stop(self) -> None:
        """Stop all that waits or runs."""
        for entry in (*self._queue, *self._running):
            entry.job.cancellation.cancel()

    def close(self) -> None:
        """End the threads, once what they do is done."""
        for pool in (self._inference.pool, self._codecs, self._maps):
            pool.shutdown(wait=True, cancel_futures=True)

    def _admit(self, job: Job, now: float) -> Entry:
        estimate = self._chooser.estimate(job)
        self._load.arrivals.append((job.arrived, estimate.under_ceilings))
        self._record_wait()
        before, behind = self._queue.around(job)
        ahead = self._begun() + sum(other.estimate.cost for other in before)
        delay = least_delay = None
        if self._running or before:
            delay, least_delay = (self._delay(before, now, least=least) for least in (False, True))
        answer = asyncio.get_running_loop().create_future()
        entry = Entry(job, estimate, ahead, delay, least_delay, now, answer)
        self._refuse_if_hopeless(entry)
        self._refuse_if_harmful(entry, before, behind)
        return entry

    def _alone(self) -> bool:
        return len(self._running) + len(self._queue) == 1

    def _waiting(self) -> list[tuple[Job, Estimate]]:
        """All whose inference has not begun, in the order in which it will."""
        begun = ("inference", "encode")
        taken = [entry for entry in self._running if entry.job.progress.stage not in begun]
        taken.sort(key=lambda entry: entry.job.order)
        return [(entry.job, entry.estimate) for entry in (*taken, *self._queue)]

    def _begun(self) -> float:
        return REMAINING * sum(entry.estimate.cost for entry in self._running)

    def _backlog_seconds(self) -> float:
        """Predicted seconds until all that waits or runs is done."""
        return self._costs.wait((self._begun() + self._queue.cost) / self._threads)

    def _record_wait(self) -> float:
        """Seconds that a request arriving now would wait, recorded for the brown-out."""
        wait = self._backlog_seconds()
        self._load.longest_wait = max(self._load.longest_wait, wait)
        return wait

    def _delay(self, before: Iterable[Entry], now: float, *, least: bool) -> float:
        """Seconds until a worker is free behind all that compute, are about to, or stand `before`.

        least: at the least budgets of all that do not compute yet.
        """
        free = self._inference.free_times(now)
        about_to = [entry for entry in self._running if entry.job.progress.stage == "decode"]
        for entry in (*about_to, *before):
            estimate = entry.estimate
            heapreplace(
                free, free[0] + (estimate.least_network_seconds if least else estimate.network_seconds)
            )
        return free[0] - now

    def _refuse_if_hopeless(self, entry: Entry) -> None:
        job, wait = entry.job, self._costs.wait(entry.ahead / self._threads)
        if wait > self._max_wait:
            raise self._overloaded(TOO_LONG, wait)
        if job.options.deadline is None:
            return
        left = job.options.deadline - entry.admitted
        alone = self._chooser.least_seconds(job, None)
        if alone > left:
            raise DeadlineUnreachable(1000 * max(left, 0.0), 1000 * alone)
        need = self._chooser.least_seconds(job, entry.least_delay)
        if need > left:
            raise self._overloaded(
                MISSED.format(*(1000 * s for s in (left, need, entry.least_delay or 0))), wait
            )

    def _refuse_if_harmful(self, entry: Entry, before: list[Entry], behind: list[Entry]) -> None:
        """Refuse a job that would overtake others and make them miss their deadlines."""
        now, ahead = entry.admitted, [*before, entry]
        for other in behind:
            deadline, delay = other.job.options.deadline, self._delay(ahead, now, least=True)
            if deadline is not None and now + self._chooser.least_seconds(other.job, delay) > deadline:
                raise self._overloaded("Requests accepted before would miss their deadlines.")
            ahead.append(other)

    def _overloaded(self, detail: str, wait: float | None = None) -> Overloaded:
        """The refusal of a request that would wait `wait` seconds, by default behind the whole backlog."""
        self._load.refused = True
        wait = self._backlog_seconds() if wait is None else wait
        # Spread, or all that are refused now would come back at once.
        return Overloaded(detail.format(wait), retry_after=max(1, math.ceil(wait * random.uniform(1, 3))))

    def _dispatch(self) -> None:
        while len(self._queue) and len(self._running) < self._places:
            entry = self._queue.pop()
            self._running.add(entry)
            task = asyncio.get_running_loop().create_task(self._run(entry))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _run(self, entry: Entry) -> None:
        waited = entry.job.progress.seconds["queue"] = time.perf_counter() - entry.job.arrived
        self._costs.learn_wait(entry.ahead / self._threads, waited)
        try:
            answer = await self._through_stages(entry)
        except Exception as error:
            self._fail(entry, error)
        else:
            if not entry.answer.done():
                entry.answer.set_result(answer)
        finally:
            self._running.discard(entry)
            self._record_wait()
            self._dispatch()

    async def _through_stages(self, entry: Entry) -> Answer:
        job, progress = entry.job, entry.job.progress
        progress.stage = "decode"
        budget = self._chooser.allowed(job.options)
        photograph = await self._in_codec(job, partial(stages.decode, job, self._max_pixels, budget))
        self._costs.learn_decode(job.format, job.pixels, progress.seconds["decode"])
        decoded = time.perf_counter()
        choice, outputs = await self._inference.run(job, photograph)
        progress.seconds["queue"] += choice.at - decoded
        if entry.delay is not None:
            self._costs.learn_delay(entry.delay, choice.at - entry.admitted)
        progress.stage = "encode"
        inferred = time.perf_counter()
        finish = partial(stages.finish, job, photograph, choice.point, outputs, self._maps)
        try:
            answer = await self._in_codec(job, finish)
        except DeadlineExceeded:
            self._learn_total(choice)
            raise
        self._costs.learn_finish(job.options, choice.point, time.perf_counter() - inferred)
        self._learn_total(choice)
        return answer

    def _learn_total(self, choice: Choice) -> None:
        self._costs.learn_total(choice.seconds, time.perf_counter() - choice.at, choice.shared)

    async def _in_codec(self, job: Job, work: Callable[[], T]) -> T:
        def run() -> T:
            try:
                job.cancellation.check()
                return work()
            finally:
                observe_abandoned([job], self._metrics)

        return await asyncio.get_running_loop().run_in_executor(self._codecs, run)

    def _stopped(self, entry: Entry) -> None:
        """Answer a stopped job at once; its computation ends by itself."""
        self._queue.remove(entry)
        try:
            entry.job.cancellation.check()
        except (Cancelled, DeadlineExceeded) as error:
            self._fail(entry, error)

    def _fail(self, entry: Entry, error: Exception) -> None:
        stage, done = entry.job.progress.stage, entry.answer.done()
        if isinstance(error, ServiceError) or done:
            # The frames, and those of its cause, hold the entry, which holds it: images would wait for gc.
            error.__traceback__ = error.__cause__ = error.__context__ = None
        if done:
            return
        if isinstance(error, Cancelled):
            self._metrics.cancelled.labels(stage).inc()
        if isinstance(error, DeadlineExceeded):
            self._metrics.deadline_missed.labels(stage).inc()
        entry.answer.set_exception(error)
