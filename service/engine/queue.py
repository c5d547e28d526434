"""The one queue: first what is wanted first, and how much work stands before whom."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator

from service.engine.job import Job

# Jobs without a deadline take their turn as if they had this one.
PATIENCE = 1.0

Place = tuple[int, float]


def place_of(job: Job) -> Place:
    """Priority first, then the earliest deadline."""
    options = job.options
    wanted = job.arrived + PATIENCE if options.deadline is None else options.deadline
    return options.priority, wanted


class WaitingLine:
    """Jobs that wait, in the order in which they are taken."""

    def __init__(self) -> None:
        self._jobs: list[Job] = []

    def __len__(self) -> int:
        return len(self._jobs)

    def __iter__(self) -> Iterator[Job]:
        return iter(self._jobs)

    @property
    def work(self) -> float:
        """Predicted thread-seconds of all that wait."""
        return sum(job.cost for job in self._jobs)

    def add(self, job: Job) -> None:
        """Put `job` at its place."""
        insort(self._jobs, job, key=place_of)

    def pop(self) -> Job:
        """Take the first."""
        return self._jobs.pop(0)

    def remove(self, job: Job) -> bool:
        """Take `job` out; False if it was taken before."""
        if job not in self._jobs:
            return False
        self._jobs.remove(job)
        return True

    def around(self, job: Job) -> tuple[list[Job], list[Job]]:
        """Who would stand before `job`, and who behind it."""
        place = place_of(job)
        before = [other for other in self._jobs if place_of(other) <= place]
        return before, self._jobs[len(before) :]
