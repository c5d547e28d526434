"""Requests with deadlines, several mixed: how often they are met among those that were accepted.

    python -m benchmarks.load.promises [--deadlines 40 80 160 320] [--loads 0.5 1 1.5 2]

A deadline is met if the whole answer with status 200 has reached the client in time, counted from the time at
which the request was due. Refused (429, 503) is not accepted; late, 504 or no answer is accepted and not met.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

from benchmarks.common import save
from benchmarks.load.contenders import CONTENDERS
from benchmarks.load.figures import deadlines, summary
from benchmarks.load.generate import generate, within
from benchmarks.load.options import conditions_of, host_of, parser_of, requests_of
from benchmarks.load.process import prepare
from benchmarks.load.quality import Quality, model_in
from benchmarks.load.sweep import measure_capacity
from benchmarks.timing import Bystanders

DEADLINES = (40.0, 80.0, 160.0, 320.0)
LOADS = (0.5, 1.0, 1.5, 2.0)


def run(given: argparse.Namespace) -> dict[str, Any]:
    """Capacity, then every load."""
    host, points, bystanders = host_of(given), [], Bystanders()
    quality = Quality.of(model_in(given.weights)[1])
    queries = tuple(f"budget=1&deadline_ms={deadline:g}" for deadline in given.deadlines)
    total = given.warm_up + given.seconds
    with requests_of(given) as requests:
        capacity = measure_capacity(host, requests, given)
        print(f"capacity {capacity}")
        for name in given.contenders:
            for load in given.loads:
                with host.running(CONTENDERS[name]) as server:
                    rate = load * capacity["per_second"]
                    records = generate(requests.plan(server.port, total, rate=rate, queries=queries))
                kept = within(records, given.warm_up, total)
                figures = summary(kept, given.seconds, max(given.deadlines) / 1e3, quality)
                rows = deadlines(kept, given.deadlines)
                points.append({"contender": name, "load": load, **figures, "deadlines": rows})
                print(lines(points[-1]), flush=True)
                time.sleep(given.pause)
    return conditions_of(given) | {
        "capacity": capacity,
        "bystanders": bystanders.share(),
        "points": points,
    }


def lines(point: dict[str, Any]) -> str:
    """A row for each deadline and one for all."""
    rows = [f"{point['contender']} at {point['load']:g} times capacity: {point['ends']}"]
    for name, row in point["deadlines"].items():
        met = "      -" if row["met_of_accepted"] is None else f"{row['met_of_accepted']:7.2%}"
        beyond = row["milliseconds_beyond"].get("p99", 0)
        rows.append(
            f"  {name:>6} ms: {row['requests']:5}, refused {row['refused']:6.1%}, met {met} of accepted,"
            f" {row['met_of_all']:7.2%} of all, 504 "
            f"{row['stopped_of_accepted'] or 0:6.2%}; p99 beyond {beyond:6.1f}; budget {row['budget_used']}"
        )
    return "\n".join(rows)


def main() -> None:
    """Runs the command line."""
    parser = parser_of(__doc__)
    parser.add_argument("--contenders", nargs="+", choices=("brownout", "steady"), default=["brownout"])
    parser.add_argument("--deadlines", type=float, nargs="+", default=DEADLINES, help="milliseconds")
    parser.add_argument("--loads", type=float, nargs="+", default=LOADS, help="multiples of the capacity")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each point")
    parser.add_argument("--warm-up", type=float, default=3.0, help="seconds of the same load before it")
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between points")
    parser.add_argument("--clients", type=int, default=4, help="of the closed loop that measures capacity")
    given = parser.parse_args()
    if given.quick:
        given.seconds, given.warm_up, given.loads = 2.0, 1.0, (0.5, 2.0)
    prepare()
    print(save("load_deadlines", run(given)))


if __name__ == "__main__":
    main()
