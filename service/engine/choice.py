"""The chooser of budgets: the requested one, lowered by load and by a deadline, never below the least.

The policy is that of SuperServe's SlackFit (NSDI 2025): the time that is left picks the operating point.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from heapq import heapify, heapreplace

import numpy as np

from service.engine.brownout import CEILINGS, Brownout
from service.engine.costs import Costs
from service.engine.job import Job, Options
from service.model_folder.operating_point import OperatingPoint, Reason

STEPS = 20
# As many waiting jobs as are looked at: the first of the queue are the ones that a choice can still harm.
LOOKAHEAD = 64
# The largest answer has 21 bytes a pixel, 17 without a map of the computed share.
SENDING_SECONDS, SENDING_SECONDS_PER_PIXEL = 4e-3, 1e-8


@dataclass(frozen=True)
class Estimate:
    """Predicted cost of a job at the budget that it is likely to get.

    Attributes:
        cost: thread-seconds of all its stages.
        network_seconds: seconds of its inference beside others.
        under_ceilings: its thread-seconds under each of CEILINGS.
        network_under: seconds of its inference beside others under each of CEILINGS.
        least_network_seconds: the same at the least budget that it may get.
        finish_seconds: from the end of its inference until its client has the answer.
    """

    cost: float
    network_seconds: float
    under_ceilings: tuple[float, ...]
    network_under: tuple[float, ...]
    least_network_seconds: float
    finish_seconds: float


@dataclass(frozen=True)
class Choice:
    """The decision at the start of an inference.

    Attributes:
        point: the operating point.
        seconds: predicted seconds from `at` to the rendered answer.
        network_seconds: those of the inference alone.
        at: instant of time.perf_counter() of the start.
        shared: whether other inferences run at the same time.
    """

    point: OperatingPoint
    seconds: float
    network_seconds: float
    at: float
    shared: bool


@dataclass(frozen=True)
class Line:
    """The jobs that wait for a worker when an inference starts.

    Attributes:
        free: instants at which the other workers are predicted to be free.
        waiting: the jobs in the order in which they will be taken, each with its estimate.
    """

    free: Sequence[float]
    waiting: Sequence[tuple[Job, Estimate]]


class Chooser:
    """Chooses operating points from the ceiling that load sets and from what each budget costs."""

    def __init__(self, costs: Costs, brownout: Brownout) -> None:
        self._costs = costs
        self._brownout = brownout

    def allowed(self, options: Options) -> float:
        """Largest budget that load leaves to a request."""
        return _under(self._brownout.ceiling, options)

    def choose(self, job: Job, now: float, shared: bool, line: Line | None = None) -> Choice | None:
        """Largest budget that meets the deadline of `job` if started `now`; None if none is likely to.

        A job with a deadline also leaves the time that those in `line` need to meet theirs, as far as lower
        budgets for it and for them can give it.
        """
        options, allowed = job.options, self.allowed(job.options)
        limit: Reason = "brownout" if allowed < options.budget else options.requested_by
        if options.deadline is None:
            return self._at(job, allowed, now, shared, limit)
        left = options.deadline - now - sending_seconds(job)
        ladder = list(_ladder(allowed, options.floor))

        def at(place: int) -> Choice:
            return self._at(job, ladder[place], now, shared, "deadline" if place else limit)

        for place in range(len(ladder)):
            choice = at(place)
            if self._costs.careful(choice.seconds, shared) <= left:
                return at(self._considerate(ladder, place, at, line)) if line and line.waiting else choice
        # Without the margin for bad luck it may still be met; beyond that its time is better spent on others.
        return choice if choice.seconds <= left else None

    def _considerate(self, ladder: list[float], place: int, at: Callable[[int], Choice], line: Line) -> int:
        """First place of `ladder` from `place` on at which all in `line` that can be met are met.

        They are taken to get no larger budget than the job that starts.
        """
        lost = self._missed(line, at(len(ladder) - 1), 0.0)

        def harms_nobody(tried: int) -> bool:
            return self._missed(line, at(tried), ladder[tried]) <= lost

        return bisect_left(range(len(ladder) - 1), True, lo=place, key=harms_nobody)

    def _missed(self, line: Line, choice: Choice, ceiling: float) -> set[int]:
        """Places in `line` whose deadlines pass if `choice` is taken now and none exceeds `ceiling`."""
        now, missed = choice.at, set()
        free = [*line.free, now + choice.network_seconds]
        heapify(free)
        for place, (job, estimate) in enumerate(line.waiting[:LOOKAHEAD]):
            network = min(
                estimate.network_seconds, float(np.interp(ceiling, CEILINGS, estimate.network_under))
            )
            start = max(free[0], now)
            heapreplace(free, start + network)
            if job.options.deadline is None:
                continue
            end = self._costs.careful_delay(start - now) + self._costs.careful(
                network + estimate.finish_seconds, shared=True
            )
            if now + end > job.options.deadline:
                missed.add(place)
        return missed

    def estimate(self, job: Job) -> Estimate:
        """Predicted cost of `job`, when it arrives."""
        options, decode = job.options, self._decode_seconds(job)
        threads = options.session.runtime.shared_threads

        def network_and_cost(budget: float) -> tuple[float, float, float]:
            point = options.session.point(budget, job.height, job.width)
            network, finish = self._costs.inference(options, point, True), self._costs.finish(options, point)
            return network, decode + network * threads + finish, finish

        network, cost, finish = network_and_cost(self.allowed(options))
        under = [network_and_cost(_under(ceiling, options)) for ceiling in CEILINGS]
        return Estimate(
            cost,
            network,
            tuple(cost for _, cost, _ in under),
            tuple(network for network, _, _ in under),
            network_and_cost(options.floor)[0],
            finish + sending_seconds(job),
        )

    def least_seconds(self, job: Job, delay: float | None) -> float:
        """Seconds until `job` is answered at the least budget, its inference `delay` seconds behind others.

        None: there are no others.
        """
        decode, shared = self._decode_seconds(job), delay is not None
        ready = decode if delay is None else max(decode, self._costs.careful_delay(delay))
        least = self._at(job, job.options.floor, 0.0, shared, "deadline").seconds
        return ready + self._costs.careful(least, shared) + sending_seconds(job)

    def _decode_seconds(self, job: Job) -> float:
        return self._costs.decode(job.format, job.pixels)

    def _at(self, job: Job, budget: float, now: float, shared: bool, limit: Reason) -> Choice:
        options = job.options
        point = options.session.point(budget, job.height, job.width)
        network = self._costs.inference(options, point, shared)
        reported = replace(point, requested_budget=options.budget, limit=limit)
        return Choice(reported, network + self._costs.finish(options, point), network, now, shared)


def sending_seconds(job: Job) -> float:
    """Seconds to hand the answer over to a client on this machine, as far as its size is known."""
    pixels = min(job.pixels, job.options.session.manifest.input.working_pixels)
    if job.options.size == "input":
        pixels = job.pixels
    return SENDING_SECONDS + SENDING_SECONDS_PER_PIXEL * pixels


def _under(ceiling: float, options: Options) -> float:
    return max(min(options.budget, ceiling), options.floor)


def _ladder(allowed: float, floor: float) -> Iterator[float]:
    """Budgets from `allowed` down to `floor`."""
    yield allowed
    for step in range(STEPS - 1, 0, -1):
        if floor < step / STEPS < allowed:
            yield step / STEPS
    if floor < allowed:
        yield floor
