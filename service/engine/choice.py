"""The chooser of budgets: the requested one, lowered by load and by a deadline, never below the least.

The policy is that of SuperServe's SlackFit (NSDI 2025): the time that is left picks the operating point.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from service.engine.brownout import CEILINGS, Brownout
from service.engine.costs import Costs
from service.engine.job import Job, Options
from service.model_folder.operating_point import OperatingPoint, Reason

STEPS = 20
# The largest answer has 21 bytes a pixel, 17 without a map of the computed share.
SENDING_SECONDS, SENDING_SECONDS_PER_PIXEL = 4e-3, 1e-8


@dataclass(frozen=True)
class Estimate:
    """Predicted cost of a job at the budget that it is likely to get.

    Attributes:
        cost: thread-seconds of all its stages.
        network_seconds: seconds of its inference beside others.
        under_ceilings: its thread-seconds under each of CEILINGS.
    """

    cost: float
    network_seconds: float
    under_ceilings: tuple[float, ...]


@dataclass(frozen=True)
class Choice:
    """The decision at the start of an inference.

    Attributes:
        point: the operating point.
        seconds: predicted seconds from `at` to the rendered answer.
        at: instant of time.perf_counter() of the start.
        shared: whether other inferences run at the same time.
    """

    point: OperatingPoint
    seconds: float
    at: float
    shared: bool


class Chooser:
    """Chooses operating points from the ceiling that load sets and from what each budget costs."""

    def __init__(self, costs: Costs, brownout: Brownout) -> None:
        self._costs = costs
        self._brownout = brownout

    def allowed(self, options: Options) -> float:
        """Largest budget that load leaves to a request."""
        return _under(self._brownout.ceiling, options)

    def choose(self, job: Job, now: float, shared: bool) -> Choice | None:
        """Largest budget that meets the deadline of `job` if started `now`; None if none is likely to."""
        options, allowed = job.options, self.allowed(job.options)
        limit: Reason = "brownout" if allowed < options.budget else options.requested_by
        if options.deadline is None:
            return self._at(job, allowed, now, shared, limit)
        left = options.deadline - now - sending_seconds(job)
        for budget in _ladder(allowed, options.floor):
            choice = self._at(job, budget, now, shared, limit if budget == allowed else "deadline")
            if self._costs.careful(choice.seconds, shared) <= left:
                return choice
        # Without the margin for bad luck it may still be met; beyond that its time is better spent on others.
        return choice if choice.seconds <= left else None

    def estimate(self, job: Job) -> Estimate:
        """Predicted cost of `job`, when it arrives."""
        options, decode = job.options, self._decode_seconds(job)
        threads = options.session.runtime.shared_threads

        def network_and_cost(budget: float) -> tuple[float, float]:
            point = options.session.point(budget, job.height, job.width)
            network = self._costs.inference(options, point, shared=True)
            return network, decode + network * threads + self._costs.finish(options, point)

        network, cost = network_and_cost(self.allowed(options))
        under = (network_and_cost(_under(ceiling, options))[1] for ceiling in CEILINGS)
        return Estimate(cost, network, tuple(under))

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
        seconds = self._costs.inference(options, point, shared) + self._costs.finish(options, point)
        reported = replace(point, requested_budget=options.budget, limit=limit)
        return Choice(reported, seconds, now, shared)


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
