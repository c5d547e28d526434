"""Clients that vanish at random moments of their request: how soon does the compute for them end?

    python -m benchmarks.load.abandon [--requests 300] [--budget 1]

Each client sends a photograph and closes its connection, by farewell or by reset in turns, after a time drawn
evenly from 0 to somewhat more than an answer takes. The service's own histogram tells how long compute went
on after each departure, its counter at which stage. The rest of those sent had their answers made already.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import time
from pathlib import Path
from typing import Any

from benchmarks.common import save
from benchmarks.load import scrape
from benchmarks.load.connection import Pool
from benchmarks.load.contenders import STEADY
from benchmarks.load.generate import generate
from benchmarks.load.options import Requests, conditions_of, host_of, parser_of, requests_of
from benchmarks.load.process import prepare
from benchmarks.load.wire import build_request
from benchmarks.timing import Bystanders

HISTOGRAM = "pag_abandoned_compute_seconds"
LIMIT_SECONDS = "0.03"
LONGEST_OF_TYPICAL = 1.2
SETTLING_SECONDS = 2.0


async def vanish(
    port: int, requests: list[bytes], count: int, clients: int, longest: float, seed: int
) -> None:
    """`count` requests by so many clients at a time, each left after at most `longest` seconds."""
    draw, numbers = random.Random(seed), iter(range(count))

    async def one() -> None:
        for number in numbers:
            connection, _ = await Pool(port).take()
            exchange = connection.send(requests[number % len(requests)])
            exchange.done.add_done_callback(lambda done: done.exception())
            await asyncio.sleep(draw.uniform(0, longest))
            (connection.abort if number % 2 else connection.reset)()

    await asyncio.gather(*(one() for _ in range(clients)))


def typical_seconds(port: int, requests: Requests, query: str) -> float:
    """Median latency of a lone client; so the model and the caches are warm too."""
    records = generate(requests.plan(port, 3.0, concurrency=1, queries=(query,), patience=60))
    return statistics.median(record.latency for record in records)


def run(given: argparse.Namespace) -> dict[str, Any]:
    """What the service counted."""
    query, bystanders = f"budget={given.budget:g}", Bystanders()
    with requests_of(given) as requests, host_of(given).running(STEADY) as server:
        typical = typical_seconds(server.port, requests, query)
        target, headers = f"/parse?{query}&size={requests.size}", {"Accept": requests.accept}
        prepared = [build_request(target, Path(path).read_bytes(), headers) for path in requests.bodies]
        before = scrape.scrape(server.port)
        longest = LONGEST_OF_TYPICAL * typical * given.clients
        asyncio.run(vanish(server.port, prepared, given.requests, given.clients, longest, given.seed))
        time.sleep(SETTLING_SECONDS)
        counted = scrape.difference(before, scrape.scrape(server.port))
    figures = figures_of(counted, given.requests)
    return conditions_of(given) | {
        "milliseconds_p50": round(1e3 * typical, 2),
        "bystanders": bystanders.share(),
        **figures,
    }


def figures_of(counted: scrape.Samples, sent: int) -> dict[str, Any]:
    """Of the difference between two scrapes."""
    buckets = scrape.histogram(counted, HISTOGRAM)
    observed = buckets.get("+Inf", 0.0)
    within = buckets.get(LIMIT_SECONDS, 0.0)
    return {
        "sent": sent,
        "observed": observed,
        "within_30_ms": round(within / observed, 4) if observed else None,
        "seconds": buckets,
        "mean_milliseconds": round(1e3 * scrape.total(counted, f"{HISTOGRAM}_sum") / observed, 2)
        if observed
        else None,
        "cancelled_by_stage": scrape.by_label(counted, "pag_cancelled_total"),
    }


def main() -> None:
    """Runs the command line."""
    parser = parser_of(__doc__)
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--clients", type=int, default=2, help="at a time")
    parser.add_argument("--budget", type=float, default=1.0)
    given = parser.parse_args()
    if given.quick:
        given.requests = 30
    prepare()
    result = run(given)
    for name in ("milliseconds_p50", "sent", "observed", "within_30_ms", "mean_milliseconds", "seconds"):
        print(f"{name:20} {result[name]}")
    print(f"{'cancelled':20} {result['cancelled_by_stage']}")
    print(save("load_abandon", result))


if __name__ == "__main__":
    main()
