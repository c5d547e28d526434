"""How one request becomes one answer, with tries, pauses and time limits; no network and no waiting in here.

`exchange` is a generator: it yields what to do next (`Try` or `Pause`) and is sent what came of it. The sync
and the async client do as it says, each in its own way.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from pag.client.errors import DeadlineMissed, PagError, TimedOut
from pag.client.refusals import refusal
from pag.client.requests import Request
from pag.client.retries import Retries
from pag.client.unreached import unreachable


@dataclass(frozen=True)
class Try:
    """Send this; give up after `seconds` (None: never)."""

    request: Request
    seconds: float | None


@dataclass(frozen=True)
class Pause:
    """Wait; then send None."""

    seconds: float


@dataclass(frozen=True)
class Answer:
    """What a server answered; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True)
class Failure:
    """No answer came, and why; `timed_out` if the try's seconds were over."""

    cause: Exception
    timed_out: bool = False


@dataclass(frozen=True)
class Terms:
    """On which a client asks: whom, how patiently, and by which clock and dice."""

    address: str
    timeout: float | None
    #: What a deadline is allowed on top of it for the way of the picture and of the answer.
    transfer_seconds: float
    retries: Retries
    clock: Callable[[], float]
    random: Callable[[], float]

    def left(self, request: Request, elapsed: float, margin: float = 0.0) -> float:
        """Seconds until the timeout, or until `margin` after the deadline; infinity without either."""
        return min(_or_infinity(self.timeout), _deadline(request) + margin) - elapsed


T = TypeVar("T")
Talk = Generator[Try | Pause, Answer | Failure | None, T]
"""Yields what to do next, is sent what came of it (of a pause None), returns what was wanted."""


def exchange(request: Request, terms: Terms, begun: float) -> Talk[Answer]:
    """Ask until there is an answer that is no refusal, or further tries are hopeless; times from `begun`."""
    failed = 0
    while True:
        reply = yield _next_try(request, terms, terms.clock() - begun)
        if isinstance(reply, Answer) and reply.status < 300:
            return reply
        error = _error(reply, request, terms)
        failed += 1
        left = terms.left(request, terms.clock() - begun)
        seconds = terms.retries.pause(failed, error, left, terms.random())
        if seconds is None:
            raise error
        yield Pause(seconds)


def _next_try(request: Request, terms: Terms, elapsed: float) -> Try:
    if terms.left(request, elapsed) <= 0:
        raise _late(request, terms)
    seconds = terms.left(request, elapsed, terms.transfer_seconds)
    if request.deadline_ms is not None:
        left = round(request.deadline_ms - 1000 * elapsed, 3)
        parameters = {**request.parameters, "deadline_ms": str(max(left, 0.001))}
        request = replace(request, parameters=parameters)
    return Try(request, None if math.isinf(seconds) else seconds)


def _error(reply: Answer | Failure | None, request: Request, terms: Terms) -> PagError:
    if isinstance(reply, Answer):
        return refusal(reply.status, reply.headers, reply.body)
    assert reply is not None
    # Without a limit of ours it was the system that lost patience.
    if reply.timed_out and terms.left(request, 0.0) < math.inf:
        error = _late(request, terms)
        error.__cause__ = reply.cause
        return error
    return unreachable(terms.address, reply.cause)


def _late(request: Request, terms: Terms) -> PagError:
    if _deadline(request) >= _or_infinity(terms.timeout):
        return TimedOut(
            f"No answer from {terms.address} within {terms.timeout:g} s: "
            "is the address right? Else give the client a longer timeout."
        )
    hint = "raise deadline_ms, lower min_budget or ask for size='model'"
    detail = f"No answer within {request.deadline_ms:g} ms: {hint}."
    return DeadlineMissed(0, {"title": "The deadline has passed", "detail": detail})


def _deadline(request: Request) -> float:
    return math.inf if request.deadline_ms is None else request.deadline_ms / 1000


def _or_infinity(seconds: float | None) -> float:
    return math.inf if seconds is None else seconds
