"""The generator sends when it should, waits for nobody, and counts from the time that was due."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.load.generator import closed_loop, open_loop
from benchmarks.load.plan import Plan, draw_queries, poisson_times
from benchmarks.load.records import Record, from_columns, to_columns

PLAN = Plan(port=0, bodies=(), queries=("budget=1", "budget=0.5"), accept="*/*", seconds=400.0, rate=50.0)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nPAG-Budget-Used: 0.5\r\nPAG-Scale: 0.8\r\n\r\nabc"
BUSY = b"HTTP/1.1 429 \r\nContent-Length: 0\r\nRetry-After: 2\r\nConnection: close\r\n\r\n"


def test_gaps_are_those_of_a_poisson_process() -> None:
    """20000 gaps: mean and standard deviation equal 1 / rate; 5 standard errors are allowed."""
    times = np.array(poisson_times(PLAN))
    gaps = np.diff(times)
    error = 5 / np.sqrt(len(gaps)) / PLAN.rate
    assert gaps.min() > 0
    assert times[-1] < PLAN.seconds
    assert gaps.mean() == pytest.approx(1 / PLAN.rate, abs=error)
    # The variance of an exponential's variance is larger, by a factor of 8 / 4 for its root.
    assert gaps.std() == pytest.approx(1 / PLAN.rate, abs=2**0.5 * error)
    # Arrivals in a second: variance equals mean; that of 400 counts has an error of about 7 %.
    counts = np.bincount(times.astype(int), minlength=400)
    assert counts.var() / counts.mean() == pytest.approx(1, abs=0.4)


def test_times_come_from_the_seed_and_not_from_the_queries() -> None:
    assert poisson_times(PLAN) == poisson_times(replace(PLAN, queries=("budget=1",)))
    assert poisson_times(PLAN) != poisson_times(replace(PLAN, seed=1))
    drawn = list(itertools.islice(draw_queries(PLAN), 1000))
    assert set(drawn) == {0, 1}
    assert 400 < sum(drawn) < 600


def test_plan_and_records_survive_their_way_between_processes() -> None:
    assert Plan.from_json(json.loads(json.dumps(PLAN.to_json()))) == PLAN
    records = [Record(0, 1.0, status=200, used=0.5), Record(1, 2.0)]
    assert from_columns(json.loads(json.dumps(to_columns(records)))) == records


Answering = Callable[[int], Awaitable[bytes]]


def drive(plan: Plan, answering: Answering, folder: Path) -> list[Record]:
    """The records of a plan against a server that answers its n-th request with `answering(n)`."""
    body = folder / "body.jpg"
    body.write_bytes(b"x" * 1000)

    async def main() -> list[Record]:
        number = itertools.count()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                while await reader.readuntil(b"\r\n\r\n"):
                    await reader.readexactly(1000)
                    writer.write(await answering(next(number)))
            except (asyncio.IncompleteReadError, ConnectionError):
                pass
            finally:
                writer.close()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            bound = replace(plan, port=port, bodies=(str(body),))
            return await (open_loop if plan.rate else closed_loop)(bound)

    return asyncio.run(main())


def test_requests_overlap_and_count_from_the_time_due(tmp_path: Path) -> None:
    """The server answers nobody before the whole second is over: an open loop has sent all by then."""
    arrived: list[int] = []
    everything = len(poisson_times(replace(PLAN, seconds=1.0)))

    async def answer(number: int) -> bytes:
        arrived.append(number)
        while len(arrived) < everything:
            await asyncio.sleep(0.01)
        return OK

    records = drive(replace(PLAN, seconds=1.0, patience=60.0), answer, tmp_path)
    assert len(records) == everything
    assert {record.status for record in records} == {200}
    assert {(record.used, record.scale, record.length) for record in records} == {(0.5, 0.8, 3)}
    last = max(record.sent for record in records)
    assert all(
        record.scheduled <= record.sent <= last <= record.first_byte <= record.done for record in records
    )
    assert records[0].latency > 0.5


def test_refusals_and_deaf_servers_are_told_apart(tmp_path: Path) -> None:
    async def answer(number: int) -> bytes:
        if number % 2:
            await asyncio.sleep(60)
        return BUSY

    plan = replace(PLAN, seconds=0.5, rate=0.0, concurrency=2, patience=0.2)
    records = drive(plan, answer, tmp_path)
    ends = {(record.status, record.outcome) for record in records}
    assert ends == {(429, "answered"), (0, "timeout")}
    assert all(record.retry_after == 2 for record in records if record.status)
    assert all(record.latency >= 0.2 for record in records if not record.status)


def test_server_that_hangs_up_is_told(tmp_path: Path) -> None:
    async def answer(number: int) -> bytes:
        raise ConnectionResetError

    records = drive(replace(PLAN, seconds=0.2, rate=0.0, concurrency=1), answer, tmp_path)
    assert {record.outcome for record in records} == {"closed"}
