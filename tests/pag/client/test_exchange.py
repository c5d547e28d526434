"""The exchange of a request: attempts, pauses and time limits, for all clocks and all jitter."""

from __future__ import annotations

import math
import pickle
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pag import Busy, DeadlineMissed, PagError, Refused, TimedOut, Unreachable
from pag.client.errors import read_retry_after
from pag.client.exchange import Attempt, Failure, Pause, Policy, Request, Response, Retries, exchange

SECONDS = st.floats(0, 1000)
JITTER = st.floats(0, 1, exclude_max=True)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def busy(retry_after: float | None) -> Busy:
    return Busy(429, {}, retry_after)


@given(SECONDS, JITTER, SECONDS, st.integers(1, 10))
def test_a_pause_honours_retry_after_and_ends_before_the_time_is_over(
    minimum: float, jitter: float, remaining: float, failures: int
) -> None:
    pause = Retries(limit=10).pause_seconds(failures, busy(minimum), remaining, jitter)
    if pause is not None:
        assert minimum <= pause < remaining
        assert pause - minimum <= Retries().longest_seconds / 2


@given(JITTER, st.integers(1, 2000))
def test_pauses_double_up_to_a_longest_one_spread_over_their_upper_half(jitter: float, failures: int) -> None:
    retries = Retries(limit=2000)
    pause = retries.pause_seconds(failures, Unreachable(), math.inf, jitter)
    usual = min(retries.first_seconds * 2.0 ** min(failures - 1, 60), retries.longest_seconds)
    assert pause is not None and usual / 2 <= pause <= usual


@given(JITTER)
def test_only_what_may_change_is_tried_again_and_only_so_often(jitter: float) -> None:
    retries = Retries(limit=2)

    def pause(failures: int, error: PagError) -> float | None:
        return retries.pause_seconds(failures, error, math.inf, jitter)

    for error in (Unreachable(), busy(None), Busy(503, {}), Refused(502, {})):
        assert pause(2, error) is not None
        assert pause(3, error) is None
    for error in (
        DeadlineMissed(503, {}),
        DeadlineMissed(504, {}),
        Refused(422, {}),
        Refused(500, {}),
        PagError(),
    ):
        assert pause(1, error) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [(None, None), ("7", 7), (" 0 ", 0), ("soon", None), ("-3", None), ("", None), ("nan", None)],
)
def test_retry_after_is_read_where_it_says_something(text: str | None, seconds: float | None) -> None:
    assert read_retry_after(text, NOW) == seconds


@given(st.integers(-1000, 1000))
def test_retry_after_may_be_a_date(seconds: int) -> None:
    date = format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)
    assert read_retry_after(date, NOW) == max(0, seconds)


@given(
    timeout=st.none() | st.floats(0.1, 100),
    deadline_ms=st.none() | st.floats(1, 100_000),
    margin=st.floats(0, 2),
    durations=st.lists(st.floats(0, 30), min_size=25, max_size=25),
    jitter=JITTER,
)
def test_no_try_outlives_the_timeout_or_the_deadline_and_its_margin(
    timeout: float | None, deadline_ms: float | None, margin: float, durations: list[float], jitter: float
) -> None:
    clock = [100.0]
    policy = Policy("x", timeout, margin, Retries(limit=20), lambda: clock[0], lambda: jitter)
    steps = exchange(Request("POST", "/parse", deadline_ms=deadline_ms), policy, clock[0])
    deadline = math.inf if deadline_ms is None else deadline_ms / 1000
    end = min(math.inf if timeout is None else timeout, deadline)
    reply: Failure | None = None
    with pytest.raises(PagError):
        for duration in durations * 2:
            step = steps.send(reply)
            passed = clock[0] - 100
            assert passed < end or math.isclose(passed, end)
            if isinstance(step, Pause):
                assert passed + step.seconds <= end + 1e-9
                clock[0] += step.seconds
                reply = None
            else:
                reply = taken(step, duration, clock)
                check(step, passed, deadline_ms)
                limit = min(math.inf if timeout is None else timeout, deadline + margin)
                assert clock[0] - 100 <= limit + 1e-9
    assert clock[0] - 100 <= min(math.inf if timeout is None else timeout, deadline + margin) + 1e-9


def taken(step: Attempt, duration: float, clock: list[float]) -> Failure:
    late = step.seconds is not None and duration >= step.seconds
    clock[0] += duration if step.seconds is None else min(duration, step.seconds)
    return Failure(OSError("no"), timed_out=late)


def check(step: Attempt, passed: float, deadline_ms: float | None) -> None:
    sent = step.request.parameters.get("deadline_ms")
    if deadline_ms is None:
        assert sent is None
    else:
        assert sent is not None and float(sent) == pytest.approx(deadline_ms - 1000 * passed, abs=0.002)


def test_a_response_ends_the_exchange() -> None:
    policy = Policy("x", None, 0, Retries(), lambda: 0.0, lambda: 0.0)
    request = Request("GET", "/models", headers={"X-Request-ID": "mine"})
    steps = exchange(request, policy, 0.0)
    attempt = steps.send(None)
    assert isinstance(attempt, Attempt)
    assert attempt.seconds is None
    assert sorted(attempt.request.headers) == ["PAG-Call", "X-Request-ID"]
    with pytest.raises(StopIteration) as end:
        steps.send(Response(200, {}, b"yes"))
    assert end.value.value.body == b"yes"


@pytest.mark.parametrize(
    ("deadline_ms", "error"), [(None, TimedOut), (9000, TimedOut), (500, DeadlineMissed)]
)
def test_it_is_said_which_limit_was_reached(deadline_ms: float | None, error: type[PagError]) -> None:
    policy = Policy("x", 5.0, 1.0, Retries(), lambda: 0.0, lambda: 0.0)
    steps = exchange(Request("POST", "/parse", deadline_ms=deadline_ms), policy, 0.0)
    steps.send(None)
    with pytest.raises(error):
        steps.send(Failure(OSError(), timed_out=True))


def test_errors_travel_between_processes() -> None:
    error = pickle.loads(pickle.dumps(Busy(429, {"title": "Busy", "request_id": "a"}, 3.0)))
    assert (error.status, error.retry_after, error.request_id) == (429, 3.0, "a")
    assert str(error) == "Busy [429] (request a)"
