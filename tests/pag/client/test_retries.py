"""When the clients try again: pure arithmetic, for all clocks and all dice."""

from __future__ import annotations

import math
import pickle
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pag import Busy, DeadlineMissed, PagError, Refused, TimedOut, Unreachable
from pag.client.exchange import Answer, Failure, Pause, Terms, Try, exchange
from pag.client.requests import Request
from pag.client.retries import Retries, read_retry_after

SECONDS = st.floats(0, 1000)
CHANCE = st.floats(0, 1, exclude_max=True)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def busy(retry_after: float | None) -> Busy:
    return Busy(429, {}, retry_after)


@given(SECONDS, CHANCE, SECONDS, st.integers(1, 10))
def test_a_pause_honours_retry_after_and_ends_before_the_time_is_over(
    asked: float, chance: float, left: float, failed: int
) -> None:
    pause = Retries(most=10).pause(failed, busy(asked), left, chance)
    if pause is not None:
        assert asked <= pause < left
        assert pause - asked <= Retries().longest_seconds / 2


@given(CHANCE, st.integers(1, 2000))
def test_pauses_double_up_to_a_longest_one_spread_over_their_upper_half(chance: float, failed: int) -> None:
    retries = Retries(most=2000)
    pause = retries.pause(failed, Unreachable(), math.inf, chance)
    usual = min(retries.first_seconds * 2.0 ** min(failed - 1, 60), retries.longest_seconds)
    assert pause is not None and usual / 2 <= pause <= usual


@given(CHANCE)
def test_only_what_may_change_is_tried_again_and_only_so_often(chance: float) -> None:
    retries = Retries(most=2)

    def pause(failed: int, error: PagError) -> float | None:
        return retries.pause(failed, error, math.inf, chance)

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
    chance=CHANCE,
)
def test_no_try_outlives_the_timeout_or_the_deadline_and_its_margin(
    timeout: float | None, deadline_ms: float | None, margin: float, durations: list[float], chance: float
) -> None:
    clock = [100.0]
    terms = Terms("x", timeout, margin, Retries(most=20), lambda: clock[0], lambda: chance)
    talk = exchange(Request("POST", "/parse", deadline_ms=deadline_ms), terms, clock[0])
    deadline = math.inf if deadline_ms is None else deadline_ms / 1000
    end = min(math.inf if timeout is None else timeout, deadline)
    reply: Failure | None = None
    with pytest.raises(PagError):
        for duration in durations * 2:
            step = talk.send(reply)
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


def taken(step: Try, duration: float, clock: list[float]) -> Failure:
    late = step.seconds is not None and duration >= step.seconds
    clock[0] += duration if step.seconds is None else min(duration, step.seconds)
    return Failure(OSError("no"), timed_out=late)


def check(step: Try, passed: float, deadline_ms: float | None) -> None:
    asked = step.request.parameters.get("deadline_ms")
    if deadline_ms is None:
        assert asked is None
    else:
        assert asked is not None and float(asked) == pytest.approx(deadline_ms - 1000 * passed, abs=0.002)


def test_an_answer_ends_the_talk() -> None:
    terms = Terms("x", None, 0, Retries(), lambda: 0.0, lambda: 0.0)
    talk = exchange(Request("GET", "/models"), terms, 0.0)
    assert talk.send(None) == Try(Request("GET", "/models"), None)
    with pytest.raises(StopIteration) as end:
        talk.send(Answer(200, {}, b"yes"))
    assert end.value.value.body == b"yes"


@pytest.mark.parametrize(
    ("deadline_ms", "error"), [(None, TimedOut), (9000, TimedOut), (500, DeadlineMissed)]
)
def test_it_is_said_which_limit_was_reached(deadline_ms: float | None, error: type[PagError]) -> None:
    terms = Terms("x", 5.0, 1.0, Retries(), lambda: 0.0, lambda: 0.0)
    talk = exchange(Request("POST", "/parse", deadline_ms=deadline_ms), terms, 0.0)
    talk.send(None)
    with pytest.raises(error):
        talk.send(Failure(OSError(), timed_out=True))


def test_errors_travel_between_processes() -> None:
    error = pickle.loads(pickle.dumps(Busy(429, {"title": "Busy", "request_id": "a"}, 3.0)))
    assert (error.status, error.retry_after, error.request_id) == (429, 3.0, "a")
    assert str(error) == "Busy [429] (request a)"
