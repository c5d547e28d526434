"""Admission and the one queue: what is let in, when it starts, and what becomes of it."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from heapq import heapreplace
from typing import Any, TypeVar

from service.engine import stages
from service.engine.arrivals import Demand
from service.engine.brownout import Brownout
from service.engine.choice import Chooser
from service.engine.costs import Costs
from service.engine.inference import Inference, observe_abandoned
from service.engine.job import DEFAULT_PRIORITY, Job, Options, Parsed
from service.engine.queue import WaitingLine
from service.engine.threads import batch_of, codecs_of, threads_of, workers_of
from service.errors import Cancelled, DeadlineExceeded, DeadlineUnreachable, Overloaded, ServiceError
from service.settings import Settings
from service.telemetry.metrics import Metrics

T = TypeVar("T")
# Of work that has begun, the half that is done on average.
REMAINING = 0.5
TOO_LONG = "The wait would be about {:.2g} s, longer than this server lets anyone wait."


class Scheduler:
    """Runs jobs; owned by the event loop, so without locks.

    Jobs wait undecoded, where leaving or expiring costs nothing. So many are taken out at a time as keep the
    threads busy: one inference per worker, and as many more as there are threads to decode and encode.
    """

    def __init__(self, settings: Settings, costs: Costs, metrics: Metrics) -> None:
        self._settings = settings
        self._costs = costs
        self._metrics = metrics
        self._threads = threads_of(settings)
        self._brownout = Brownout(settings)
        self._chooser = Chooser(costs, self._brownout)
        self._demand = Demand(self._chooser, self._threads)
        self._line = WaitingLine()
        self._running: set[Job] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._places = workers_of(settings) * batch_of(settings) + codecs_of(settings)
        self._codecs = ThreadPoolExecutor(codecs_of(settings), "codec")
        # A codec thread waits for these, so they are not codec threads themselves.
        self._maps = ThreadPoolExecutor(codecs_of(settings), "maps")
        self._inference = Inference(settings, self._chooser, costs, metrics)
        self._inference.on_their_way = lambda: len(self._running) + len(self._line)
        metrics.queue_depth.set_function(lambda: len(self._line))
        metrics.backlog_seconds.set_function(lambda: self._wait(self._line.work))
        metrics.brownout_level.set_function(self._level)

    @property
    def inference_pool(self) -> Executor:
        """The threads of inference, for the warm-up."""
        return self._inference.pool

    def submit(self, job: Job) -> None:
        """Put `job` into the queue; raises Overloaded or DeadlineUnreachable at once if that is hopeless."""
        now = time.perf_counter()
        before, behind = self._line.around(job)
        self._demand.note(job)
        self._control(now)
        job.cost = self._chooser.thread_seconds(job)
        job.network = self._chooser.network_seconds(job)
        job.submitted = now
        job.ahead = self._begun() + sum(other.cost for other in before)
        wait = self._costs.wait(job.ahead / self._threads)
        if self._running or before:
            job.delay = self._delay(before, now)
        self._refuse_if_hopeless(job, wait, now)
        self._refuse_if_harmful(job, before, behind, now)
        self._line.add(job)
        loop = asyncio.get_running_loop()
        job.cancellation.on_stop(lambda: loop.call_soon_threadsafe(self._stopped, job))
        expiry = loop.call_later(max(0.0, job.due - now), job.cancellation.expire)
        job.answer.add_done_callback(lambda _: expiry.cancel())
        job.answer.add_done_callback(lambda _: job.cancellation.forget())
        self._dispatch()

    def refuse_if_full(self, options: Options) -> None:
        """Raise Overloaded where a request would be refused whatever its image is, before that arrives."""
        ordinary = options.deadline is None and options.priority >= DEFAULT_PRIORITY
        wait = self._wait(self._line.work)
        if ordinary and wait > self._settings.max_wait:
            self._control(time.perf_counter())
            raise self._overloaded(wait, TOO_LONG.format(wait))

    def stop(self) -> None:
        """Stop all that waits or runs."""
        for job in (*self._line, *self._running):
            job.cancellation.cancel()

    def close(self) -> None:
        """End the threads, once what they do is done."""
        for pool in (self._inference.pool, self._codecs, self._maps):
            pool.shutdown(wait=True, cancel_futures=True)

    def _control(self, now: float) -> None:
        wait = self._wait(self._line.work)
        stretch = self._costs.wait(1.0)
        self._brownout.update(now, wait, lambda ceiling: self._demand.fits(now, ceiling, stretch))

    def _level(self) -> float:
        # Nobody arrives on a quiet server, so looking at it must do.
        self._control(time.perf_counter())
        return 1 - self._brownout.ceiling

    def _begun(self) -> float:
        return REMAINING * sum(job.cost for job in self._running)

    def _wait(self, work: float) -> float:
        return self._costs.wait((self._begun() + work) / self._threads)

    def _delay(self, before: list[Job], now: float) -> float:
        """Seconds until a worker is free behind all that compute, are about to, or stand `before`."""
        free = self._inference.free_times(now)
        about_to = [job for job in self._running if job.stage == "decode"]
        for job in (*about_to, *before):
            heapreplace(free, free[0] + job.network)
        return free[0] - now

    def _refuse_if_hopeless(self, job: Job, wait: float, now: float) -> None:
        if wait > self._settings.max_wait:
            raise self._overloaded(wait, TOO_LONG.format(wait))
        if job.options.deadline is None:
            return
        left = job.options.deadline - now
        alone = self._chooser.decode_seconds(job) + self._chooser.least_seconds(job, shared=False)
        if alone > left:
            raise DeadlineUnreachable(1000 * max(left, 0.0), 1000 * alone)
        if self._likely_end(job, job.delay) > left:
            raise self._overloaded(wait, f"The wait of about {wait:.2g} s would miss the deadline.")

    def _likely_end(self, job: Job, delay: float | None) -> float:
        """Seconds until `job` is answered at the least budget behind others, none if `delay` is None."""
        decode = self._chooser.decode_seconds(job)
        if delay is None:
            return decode + self._chooser.least_seconds(job, shared=False)
        return max(decode, self._costs.careful_delay(delay)) + self._chooser.least_seconds(job, shared=True)

    def _refuse_if_harmful(self, job: Job, before: list[Job], behind: list[Job], now: float) -> None:
        """Refuse a job that would overtake others and make them miss their deadlines."""
        ahead = [*before, job]
        for other in behind:
            deadline = other.options.deadline
            if deadline is not None and now + self._likely_end(other, self._delay(ahead, now)) > deadline:
                wait = self._wait(self._line.work)
                raise self._overloaded(wait, "Requests accepted before would miss their deadlines.")
            ahead.append(other)

    def _overloaded(self, wait: float, detail: str) -> Overloaded:
        self._brownout.press()
        # Spread, or all that are refused now would come back at once.
        return Overloaded(detail, retry_after=max(1, math.ceil(wait * random.uniform(1, 3))))

    def _dispatch(self) -> None:
        while len(self._line) and len(self._running) < self._places:
            job = self._line.pop()
            self._running.add(job)
            task = asyncio.get_running_loop().create_task(self._work(job))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _work(self, job: Job) -> None:
        waited = time.perf_counter() - job.arrived
        job.seconds["queue"] = waited
        self._costs.learn_wait(job.ahead / self._threads, waited)
        try:
            answer = await self._through(job)
        except Exception as error:
            self._fail(job, error)
        else:
            if not job.answer.done():
                job.answer.set_result(answer)
        finally:
            self._running.discard(job)
            self._control(time.perf_counter())
            self._dispatch()

    async def _through(self, job: Job) -> tuple[Parsed, Any]:
        job.stage = "decode"
        budget = self._chooser.allowed(job.options)
        job.photograph = await self._in_codec(
            job, lambda: stages.decode(job, self._settings.max_pixels, budget)
        )
        self._costs.learn_decode(job.format, job.height * job.width, job.seconds["decode"])
        ready = time.perf_counter()
        raw = await self._inference.run(job)
        job.seconds["queue"] += job.started - ready
        if job.delay is not None:
            self._costs.learn_delay(job.delay, job.started - job.submitted)
        job.stage = "encode"
        ended = time.perf_counter()
        answer = await self._in_codec(job, lambda: stages.finish(job, raw, self._maps))
        self._learn(job, ended)
        return answer

    def _learn(self, job: Job, ended: float) -> None:
        assert job.point is not None
        now = time.perf_counter()
        self._costs.learn_finish(job.options, job.point, now - ended)
        self._costs.learn_total(job.predicted, now - job.started, job.shared)

    async def _in_codec(self, job: Job, work: Callable[[], T]) -> T:
        def run() -> T:
            try:
                job.cancellation.check()
                return work()
            finally:
                observe_abandoned([job], self._metrics)

        return await asyncio.get_running_loop().run_in_executor(self._codecs, run)

    def _stopped(self, job: Job) -> None:
        """Answer a job that nobody waits for at once; what computes for it ends by itself."""
        self._line.remove(job)
        try:
            job.cancellation.check()
        except (Cancelled, DeadlineExceeded) as error:
            self._fail(job, error)

    def _fail(self, job: Job, error: Exception) -> None:
        if isinstance(error, ServiceError) or job.answer.done():
            # The frames, and those of its cause, hold the job, which holds it: images would wait for gc.
            error.__traceback__ = error.__cause__ = error.__context__ = None
        if job.answer.done():
            return
        if isinstance(error, Cancelled):
            self._metrics.cancelled.labels(job.stage).inc()
        if isinstance(error, DeadlineExceeded):
            self._metrics.deadline_missed.labels(job.stage).inc()
        job.answer.set_exception(error)
