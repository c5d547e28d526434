"""Chooses the budget of one image: what was asked for, lowered by load and by a deadline, never below what is
wanted at least.

The policy is that of SuperServe's SlackFit (NSDI 2025): the time that is left picks the operating point.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from service.engine.brownout import Brownout
from service.engine.costs import Costs
from service.engine.job import Job, Options
from service.model_folder.operating_point import OperatingPoint, Reason

STEPS = 20
# The largest answer has 21 bytes a pixel, 17 without the map `computed`.
SENDING_SECONDS, SENDING_SECONDS_PER_PIXEL = 4e-3, 1e-8


@dataclass(frozen=True)
class Choice:
    """An operating point and the seconds from the start of the inference to the rendered answer."""

    point: OperatingPoint
    seconds: float


class Chooser:
    """Knows the ceiling that load sets and what each budget costs."""

    def __init__(self, costs: Costs, brownout: Brownout) -> None:
        self._costs = costs
        self._brownout = brownout

    def allowed(self, options: Options, ceiling: float | None = None) -> float:
        """Largest budget that load leaves to a request."""
        limit = self._brownout.ceiling if ceiling is None else ceiling
        return max(min(options.budget, limit), options.floor)

    def choose(self, job: Job, now: float, shared: bool) -> Choice | None:
        """Largest budget that meets the deadline of `job` if started `now`; None if none is likely to."""
        options, allowed = job.options, self.allowed(job.options)
        limit: Reason = "brownout" if allowed < options.budget else options.origin
        if options.deadline is None:
            return self._at(job, allowed, shared, limit)
        left = options.deadline - now - sending(job)
        for budget in _ladder(allowed, options.floor):
            choice = self._at(job, budget, shared, limit if budget == allowed else "deadline")
            if self._costs.careful(choice.seconds, shared) <= left:
                return choice
        # Without the margin for bad luck it may still be met; beyond that its time is better spent on others.
        return choice if choice.seconds <= left else None

    def least_seconds(self, job: Job, shared: bool) -> float:
        """Seconds from the start of the inference until the client has the answer, at the least budget."""
        least = self._at(job, job.options.floor, shared, "deadline").seconds
        return self._costs.careful(least, shared) + sending(job)

    def decode_seconds(self, job: Job) -> float:
        """Seconds until the photograph of `job` is decoded, once its turn has come."""
        return self._costs.decode(job.format, job.height * job.width)

    def network_seconds(self, job: Job) -> float:
        """Seconds of the network, beside others, at the budget that `job` is likely to get."""
        options = job.options
        point = options.session.point(self.allowed(options), job.height, job.width)
        return self._costs.inference(options, point, True)

    def thread_seconds(self, job: Job, ceiling: float | None = None) -> float:
        """Predicted work of all threads for `job` at the budget that it is likely to get."""
        options = job.options
        point = options.session.point(self.allowed(options, ceiling), job.height, job.width)
        network = self._costs.inference(options, point, True) * options.session.runtime.shared_threads
        return self.decode_seconds(job) + network + self._costs.finish(options, point)

    def _at(self, job: Job, budget: float, shared: bool, limit: Reason) -> Choice:
        options = job.options
        point = options.session.point(budget, job.height, job.width)
        seconds = self._costs.inference(options, point, shared) + self._costs.finish(options, point)
        return Choice(replace(point, requested_budget=options.budget, limit=limit), seconds)


def sending(job: Job) -> float:
    """Seconds to hand the answer over to a client on this machine, as far as its size is known."""
    pixels = min(job.height * job.width, job.options.session.manifest.input.working_pixels)
    if job.options.size == "input":
        pixels = job.height * job.width
    return SENDING_SECONDS + SENDING_SECONDS_PER_PIXEL * pixels


def _ladder(allowed: float, floor: float) -> Iterator[float]:
    """Budgets from `allowed` down to `floor`."""
    yield allowed
    for step in range(STEPS - 1, 0, -1):
        if floor < step / STEPS < allowed:
            yield step / STEPS
    if floor < allowed:
        yield floor
