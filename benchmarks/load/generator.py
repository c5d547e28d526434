"""The load generator, a process of its own: reads a plan from standard input, writes records to its output.

Open loop: send times are drawn ahead from a seed and no answer is waited for. Closed loop: so many clients
send again as soon as they are answered.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.load.connection import Connection, Pool
from benchmarks.load.plan import Plan, draw_queries, poisson_times
from benchmarks.load.records import Record, to_columns
from benchmarks.load.wire import BadAnswer, build_request

HEAD_START_SECONDS = 0.2


class Client:
    """Sends requests of a plan and writes down what becomes of them."""

    def __init__(self, plan: Plan) -> None:
        self.records: list[Record] = []
        self._plan = plan
        self._pool = Pool(plan.port)
        bodies = [Path(path).read_bytes() for path in plan.bodies]
        headers = {"Accept": plan.accept, **plan.headers}
        self._requests = [
            [build_request(f"/parse?{query}", body, headers) for body in bodies] for query in plan.queries
        ]
        self._turn = itertools.cycle(range(len(bodies)))

    async def request(self, query: int, scheduled: float) -> Record:
        """One request, to its end or to that of the client's patience."""
        record = Record(query, scheduled)
        self.records.append(record)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout_at(scheduled + self._plan.patience):
                await self._exchange(record, self._requests[query][next(self._turn)])
        except TimeoutError:
            record.outcome = "timeout"
        except ConnectionError:
            record.outcome = "closed" if record.sent else "unreachable"
        except BadAnswer:
            record.outcome = "unreadable"
        record.done = record.done or loop.time()
        return record

    async def _exchange(self, record: Record, request: bytes) -> None:
        connection, new = await self._pool.take()
        try:
            await self._on(connection, record, request)
        except ConnectionError:
            # The server may close an idle connection just as it is used again: that is no answer of its own.
            if new or record.first_byte:
                raise
            connection, _ = await self._pool.take()
            await self._on(connection, record, request)
        self._pool.give_back(connection)

    async def _on(self, connection: Connection, record: Record, request: bytes) -> None:
        record.sent = record.sent or asyncio.get_running_loop().time()
        exchange = connection.send(request)
        try:
            record.done = await exchange.done
        except BaseException:
            connection.abort()
            raise
        finally:
            record.first_byte = exchange.first_byte
        answer = exchange.parser.answer
        assert answer is not None
        record.status, record.length, record.outcome = answer.status, answer.length, "answered"
        record.used, record.scale = answer.number("pag-budget-used"), answer.number("pag-scale")
        record.reason = answer.headers.get("pag-budget-reason", "")
        record.retry_after = answer.number("retry-after")
        if not answer.keeps_alive:
            connection.abort()

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()


async def open_loop(plan: Plan) -> list[Record]:
    """Sends at the plan's times; returns when each request has ended."""
    loop, client = asyncio.get_running_loop(), Client(plan)
    start, running = loop.time() + HEAD_START_SECONDS, set()
    for after, query in zip(poisson_times(plan), draw_queries(plan), strict=False):
        wait = start + after - loop.time()
        if wait > 0:
            await asyncio.sleep(wait)
        task = loop.create_task(client.request(query, start + after))
        running.add(task)
        task.add_done_callback(running.discard)
    await asyncio.gather(*running)
    client.close()
    return shifted(client.records, start)


async def closed_loop(plan: Plan) -> list[Record]:
    """`concurrency` clients, each sending when it was answered."""
    loop, client = asyncio.get_running_loop(), Client(plan)
    start, queries = loop.time(), draw_queries(plan)

    async def one(queries: Iterator[int]) -> None:
        while loop.time() < start + plan.seconds:
            record = await client.request(next(queries), loop.time())
            if record.outcome != "answered":
                await asyncio.sleep(0.05)

    await asyncio.gather(*(one(queries) for _ in range(plan.concurrency)))
    client.close()
    return shifted(client.records, start)


def shifted(records: list[Record], start: float) -> list[Record]:
    """The same with times counted from `start`."""
    for record in records:
        for name in ("scheduled", "sent", "first_byte", "done"):
            if value := getattr(record, name):
                setattr(record, name, value - start)
    return records


def main() -> None:
    """Plan in, records out."""
    plan = Plan.from_json(json.load(sys.stdin))
    gc.disable()  # a collection in the middle of a run would delay sends
    records = asyncio.run(open_loop(plan) if plan.rate else closed_loop(plan))
    json.dump(to_columns(records), sys.stdout)


if __name__ == "__main__":
    main()
