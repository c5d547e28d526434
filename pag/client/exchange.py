"""The exchange: one request becomes one response, with attempts, pauses and time limits.

`exchange` is a generator without I/O: it yields the next step, an `Attempt` or a `Pause`, and is sent its
outcome. `run` and `run_async` drive it with the function of a client that sends.
"""

from __future__ import annotations

import asyncio
import math
import time
import uuid
from collections.abc import Awaitable, Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from pag.client.errors import (
    BadAnswer,
    DeadlineMissed,
    PagError,
    Refused,
    TimedOut,
    TlsFailed,
    Unreachable,
    connection_error,
    refusal,
)

# 502 is how a proxy says that it could not connect.
STATUSES_TO_RETRY = {429, 502, 503}
REQUEST_ID = "X-Request-ID"
# Not the id of the request, which proxies may replace: the server gives back what it was sent.
CALL = "PAG-Call"
# The coding of a body that is sent as it is.
PLAIN = "identity"
# Twice the maps of the largest photograph that servers take by default.
MAX_ANSWER_BYTES = 2**30


@dataclass(frozen=True)
class Request:
    """One HTTP request; repeated unchanged, but for the deadline, when an attempt fails."""

    method: str
    path: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = field(default=None, repr=False)
    #: Milliseconds from the start of the exchange; each attempt tells the server what remains of them.
    deadline_ms: float | None = None


@dataclass(frozen=True)
class Response:
    """A server's response; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True)
class Failure:
    """An attempt without a response, and its cause; `timed_out` if the attempt's seconds were over."""

    cause: Exception
    timed_out: bool = False


@dataclass(frozen=True)
class Attempt:
    """The step "send this"; give up after `seconds` (None: never)."""

    request: Request
    seconds: float | None

    def check_headers(self, headers: Mapping[str, str]) -> None:
        """BadAnswer if the answer with these headers (names in lower case) is another request's or packed."""
        sent, received = self.request.headers.get(CALL), headers.get(CALL.lower())
        # Not every answer is the service's own, and not every service gives it back.
        if received not in (None, sent):
            raise BadAnswer(
                f"The answer belongs to the call {received}, not to {sent}: do programs share a connection?"
            )

        coding = headers.get("content-encoding", PLAIN)
        if coding.strip().lower() != PLAIN:
            # What it expands to could not be bounded before it does.
            raise BadAnswer(
                f"The answer is packed ({coding!r}), which was not asked for: does a proxy compress it?"
            )

    def check_size(self, received_bytes: int) -> None:
        """BadAnswer if the body is larger than any answer may be."""
        if received_bytes > MAX_ANSWER_BYTES:
            raise BadAnswer(
                f"The answer exceeds {MAX_ANSWER_BYTES} bytes: request fewer maps, or size='model'; "
                "or is there another program at this address?"
            )


@dataclass(frozen=True)
class Pause:
    """The step "wait"; its outcome is None."""

    seconds: float


T = TypeVar("T")
Outcome = Response | Failure
Exchange = Generator[Attempt | Pause, Outcome | None, T]
"""Yields steps, is sent the outcome of each (None after a pause), returns the result."""


@dataclass(frozen=True)
class Retries:
    """At most `limit` further attempts; pauses double from `first_seconds` to `longest_seconds`."""

    limit: int = 3
    first_seconds: float = 0.1
    longest_seconds: float = 5.0

    def pause_seconds(self, failures: int, error: PagError, remaining: float, jitter: float) -> float | None:
        """Seconds to wait after `failures` failures in a row, or None to give up.

        `remaining`: seconds until the exchange must end. `jitter` in [0, 1) spreads clients that failed
        together. A Retry-After is a minimum: up to half of the usual pause is added to it. Without one the
        wait is between half of the usual pause and all of it.
        """
        if failures > self.limit or not may_succeed_later(error):
            return None
        usual = min(self.first_seconds * 2.0 ** min(failures - 1, 32), self.longest_seconds)
        minimum = error.retry_after if isinstance(error, Refused) else None
        seconds = (usual / 2 if minimum is None else minimum) + jitter * usual / 2
        return seconds if seconds < remaining else None


def may_succeed_later(error: PagError) -> bool:
    """Whether the same request may succeed later."""
    if isinstance(error, DeadlineMissed):
        return False
    if isinstance(error, Refused):
        return error.status in STATUSES_TO_RETRY
    return isinstance(error, Unreachable) and not isinstance(error, TimedOut | TlsFailed)


@dataclass(frozen=True)
class Policy:
    """The server's address for error messages, the time limits and retries, the clock and the jitter."""

    address: str
    #: Seconds for a whole exchange; None: no limit.
    timeout: float | None
    #: Seconds after a deadline until the exchange is given up: transfer of the image and of the answer.
    transfer_seconds: float
    retries: Retries
    clock: Callable[[], float]
    random: Callable[[], float]

    def remaining_seconds(self, request: Request, elapsed: float, margin: float = 0.0) -> float:
        """Seconds until the timeout, or until `margin` after the deadline; infinity without either."""
        return min(_or_infinity(self.timeout), _deadline_seconds(request) + margin) - elapsed


def exchange(request: Request, policy: Policy, begun: float) -> Exchange[Response]:
    """Attempts until a response is no refusal; times count from `begun` on the policy's clock.

    Raises the last attempt's error (Refused, Unreachable and their kinds) once further attempts are hopeless.
    """
    request = replace(request, headers={**request.headers, CALL: uuid.uuid4().hex})
    failures = 0
    while True:
        outcome = yield _next_attempt(request, policy, policy.clock() - begun)
        if isinstance(outcome, Response) and outcome.status < 300:
            return outcome
        error = _error(outcome, request, policy)
        failures += 1
        remaining = policy.remaining_seconds(request, policy.clock() - begun)
        seconds = policy.retries.pause_seconds(failures, error, remaining, policy.random())
        if seconds is None:
            raise error
        yield Pause(seconds)


def run(steps: Exchange[T], send: Callable[[Attempt], Outcome]) -> T:
    """The exchange's result; `send` makes each attempt."""
    outcome: Outcome | None = None
    while not isinstance(step := _next_step(steps, outcome), _Finished):
        outcome = None
        if isinstance(step, Attempt):
            outcome = send(step)
        else:
            time.sleep(step.seconds)
    return step.result


async def run_async(steps: Exchange[T], send: Callable[[Attempt], Awaitable[Outcome]]) -> T:
    """The same for asyncio."""
    outcome: Outcome | None = None
    while not isinstance(step := await _next_step_async(steps, outcome), _Finished):
        outcome = None
        if isinstance(step, Attempt):
            outcome = await send(step)
        else:
            await asyncio.sleep(step.seconds)
    return step.result


@dataclass(frozen=True)
class _Finished(Generic[T]):
    result: T


def _next_step(steps: Exchange[T], outcome: Outcome | None) -> Attempt | Pause | _Finished[T]:
    try:
        return steps.send(outcome)
    except StopIteration as end:
        return _Finished(end.value)


async def _next_step_async(steps: Exchange[T], outcome: Outcome | None) -> Attempt | Pause | _Finished[T]:
    if isinstance(outcome, Response):
        # Decoding maps takes many milliseconds, which would block the event loop.
        return await asyncio.to_thread(_next_step, steps, outcome)
    return _next_step(steps, outcome)


def _next_attempt(request: Request, policy: Policy, elapsed: float) -> Attempt:
    if policy.remaining_seconds(request, elapsed) <= 0:
        raise _late(request, policy)
    seconds = policy.remaining_seconds(request, elapsed, policy.transfer_seconds)
    if request.deadline_ms is not None:
        remaining_ms = round(request.deadline_ms - 1000 * elapsed, 3)
        parameters = {**request.parameters, "deadline_ms": str(max(remaining_ms, 0.001))}
        request = replace(request, parameters=parameters)
    return Attempt(request, None if math.isinf(seconds) else seconds)


def _error(outcome: Outcome | None, request: Request, policy: Policy) -> PagError:
    if isinstance(outcome, Response):
        return refusal(outcome.status, outcome.headers, outcome.body, policy.address)
    assert outcome is not None
    # Without a limit of this client it was the system that timed out.
    if outcome.timed_out and policy.remaining_seconds(request, 0.0) < math.inf:
        error = _late(request, policy)
        error.__cause__ = outcome.cause
        return error
    return connection_error(policy.address, outcome.cause)


def _late(request: Request, policy: Policy) -> PagError:
    if _deadline_seconds(request) >= _or_infinity(policy.timeout):
        return TimedOut(
            f"No answer from {policy.address} within {policy.timeout:g} s: "
            "is the address right? Else give the client a longer timeout."
        )
    hint = "raise deadline_ms, lower min_budget or ask for size='model'"
    detail = f"No answer within {request.deadline_ms:g} ms: {hint}."
    return DeadlineMissed(0, {"title": "The deadline has passed", "detail": detail})


def _deadline_seconds(request: Request) -> float:
    return math.inf if request.deadline_ms is None else request.deadline_ms / 1000


def _or_infinity(seconds: float | None) -> float:
    return math.inf if seconds is None else seconds
