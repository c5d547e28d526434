"""The plan of a run: what the generator sends and when, drawn in advance from a seed."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Plan:
    """One run of the generator against one server on this machine.

    Attributes:
        bodies: files of photographs, sent in turns.
        queries: query strings, one drawn for each request.
        seconds: how long requests are sent.
        rate: requests a second on average, as a Poisson process; 0 for a closed loop.
        concurrency: clients of a closed loop.
        patience: seconds after which a client goes away unanswered.
    """

    port: int
    bodies: tuple[str, ...]
    queries: tuple[str, ...]
    accept: str
    seconds: float
    rate: float = 0.0
    concurrency: int = 0
    seed: int = 0
    patience: float = 10.0
    headers: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """By name."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Plan:
        """The inverse of `to_json`."""
        lists = {name: tuple(values[name]) for name in ("bodies", "queries")}
        return cls(**(values | lists))


def poisson_times(plan: Plan) -> list[float]:
    """Seconds from the start at which to send: exponential gaps of mean 1 / rate."""
    draw, times, now = random.Random(plan.seed), [], 0.0
    while (now := now + draw.expovariate(plan.rate)) < plan.seconds:
        times.append(now)
    return times


def draw_queries(plan: Plan) -> Iterator[int]:
    """Places in `plan.queries`, each as likely; drawn apart from the times, so that these stay the same."""
    draw = random.Random(plan.seed + 1)
    while True:
        yield draw.randrange(len(plan.queries))
