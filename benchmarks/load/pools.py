"""Pools of clients with a deadline: the share of their requests that is answered in time.

    python -m benchmarks.load.pools [--pools 8:500 2:300] [--seconds 10] [--repeats 3]

Each client of a pool sends again as soon as it is answered, refusals included, so that one that is refused at
once asks again at once. In time: the whole answer with status 200 has reached the client within the deadline.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import Counter
from typing import Any

from benchmarks.common import save
from benchmarks.load.contenders import CONTENDERS
from benchmarks.load.generate import generate, within
from benchmarks.load.options import conditions_of, host_of, parser_of, requests_of
from benchmarks.load.process import prepare
from benchmarks.load.records import Record
from benchmarks.timing import Bystanders

POOLS = ("8:500", "2:300")


def run(given: argparse.Namespace) -> dict[str, Any]:
    """Every pool, each on a server of its own."""
    host, rows, bystanders = host_of(given), [], Bystanders()
    with requests_of(given) as requests:
        for _ in range(given.repeats):
            for pool in given.pools:
                clients, deadline = map(int, pool.split(":"))
                with host.running(CONTENDERS["brownout"]) as server:
                    plan = requests.plan(
                        server.port,
                        given.warm_up + given.seconds,
                        concurrency=clients,
                        queries=(f"budget=1&deadline_ms={deadline}",),
                    )
                    records = within(generate(plan), given.warm_up, given.warm_up + given.seconds)
                rows.append({"clients": clients, "deadline_ms": deadline, **figures(records, deadline / 1e3)})
                print(rows[-1], flush=True)
                time.sleep(given.pause)
    return conditions_of(given) | {"bystanders": bystanders.share(), "pools": rows}


def figures(records: list[Record], deadline: float) -> dict[str, Any]:
    """Of one pool: requests, their ends, the share in time, and the answers' median time and mean budget."""
    answers = [record for record in records if record.status == 200]
    times = [record.done - record.sent for record in answers]
    return {
        "requests": len(records),
        "ends": dict(Counter(str(record.status or record.outcome) for record in records)),
        "in_time": sum(took <= deadline for took in times) / max(len(records), 1),
        "median_ms": 1e3 * statistics.median(times) if times else None,
        "budget_used": statistics.fmean(record.used or 0.0 for record in answers) if answers else None,
    }


def main() -> None:
    """Runs the command line."""
    parser = parser_of(__doc__)
    parser.add_argument("--pools", nargs="+", default=POOLS, help="clients:milliseconds")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each pool")
    parser.add_argument("--warm-up", type=float, default=2.0, help="seconds of the same load before it")
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between pools")
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    if given.quick:
        given.seconds, given.warm_up, given.repeats = 2.0, 1.0, 1
    prepare()
    print(save("load_pools", run(given)))


if __name__ == "__main__":
    main()
