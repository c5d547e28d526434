"""A long time of everything at once, and what must hold at its end; exit status 1 if something does not.

    python -m benchmarks.load.soak [--minutes 20]

Vanishing clients, slow uploads, slow readers, garbage, bursts beyond capacity, ordinary requests with and
without deadlines, and models that are replaced and broken under the running service. Memory is compared
between minute 3 and the end, over whole periods of the bursts.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.common import save
from benchmarks.load import scrape
from benchmarks.load.contenders import BROWNOUT, Contender, Host, Running
from benchmarks.load.generate import generate
from benchmarks.load.options import Requests, conditions_of, host_of, parser_of, requests_of
from benchmarks.load.process import prepare
from benchmarks.load.quality import model_in
from benchmarks.load.soak.memory import Sample, drift, sample, to_rows
from benchmarks.load.soak.reloads import Changes
from benchmarks.load.soak.tally import Tally
from benchmarks.load.soak.traffic import BODY_TIMEOUT, BURST_EVERY, SEND_TIMEOUT, Target, Traffic
from benchmarks.timing import Limit

SETTLED_MINUTES = 3.0
SAMPLE_EVERY, CHANGE_EVERY = 5.0, 20.0
QUIET_SECONDS = 15.0
BURST_OVER_CAPACITY = 3.0
GAUGES = ("pag_queue_depth", "pag_inflight_requests", "pag_backlog_seconds")
SOAKED = Contender(
    "soaked",
    "service",
    {
        **BROWNOUT.variables,
        "PAG_BODY_TIMEOUT_SECONDS": str(BODY_TIMEOUT),
        "PAG_SEND_TIMEOUT_SECONDS": str(SEND_TIMEOUT),
        "PAG_RELOAD_SECONDS": "1",
    },
)


@contextlib.contextmanager
def copied(weights: Path) -> Iterator[Path]:
    """A copy of the weights folder that may be broken."""
    folder, _ = model_in(weights)
    with tempfile.TemporaryDirectory() as root:
        shutil.copytree(folder, Path(root) / folder.name)
        yield Path(root)


def capacity(port: int, requests: Requests) -> float:
    """Answers a second at budget 1."""
    seconds = 5.0
    records = generate(requests.plan(port, seconds, concurrency=4, patience=60))
    return len(records) / max(record.done for record in records)


async def soak(
    traffic: Traffic, changes: Changes, process_id: int, seconds: float, samples: list[Sample]
) -> None:
    """Traffic, samples and changes side by side until the traffic ends."""
    start = time.monotonic()

    async def watch() -> None:
        while True:
            samples.append(sample(process_id, start))
            await asyncio.sleep(SAMPLE_EVERY)

    async def change() -> None:
        while True:
            await asyncio.sleep(CHANGE_EVERY)
            await asyncio.to_thread(changes.make)

    others = [asyncio.create_task(watch()), asyncio.create_task(change())]
    await traffic.run(seconds)
    for task in others:
        task.cancel()
    for ended in await asyncio.gather(*others, return_exceptions=True):
        if isinstance(ended, Exception):
            raise ended


def run(given: argparse.Namespace) -> dict[str, Any]:
    """The soak between two quiet moments, and what both and the time between them showed."""
    tally, samples, seconds = Tally(), list[Sample](), 60 * given.minutes
    with contextlib.ExitStack() as stack:
        requests, root = stack.enter_context(requests_of(given)), stack.enter_context(copied(given.weights))
        host: Host = dataclasses.replace(host_of(given), weights=root)
        server: Running = stack.enter_context(host.running(SOAKED))
        rate = capacity(server.port, requests)
        photographs = tuple(Path(path).read_bytes() for path in requests.bodies)
        target = Target(server.port, photographs, tuple(given.deadlines), BURST_OVER_CAPACITY * rate)
        changes = Changes(model_in(root)[0])
        time.sleep(given.quiet)
        before = sample(server.process_id, time.monotonic())
        asyncio.run(soak(Traffic(target, tally, given.seed), changes, server.process_id, seconds, samples))
        time.sleep(given.quiet)
        after, metrics = sample(server.process_id, time.monotonic()), scrape.scrape(server.port)
    begin = min(60 * SETTLED_MINUTES, 0.2 * seconds)
    figures = drift(samples, begin, min(4 * BURST_EVERY, (seconds - begin) / 2))
    limits = limits_of(
        tally, figures["percent"], given.drift, after.descriptors - before.descriptors, metrics
    )
    unnoticed = sum(changes.made.values()) - scrape.total(metrics, "pag_reloads_total")
    limits.append(Limit("changes of the model folder that were not taken or refused", max(0.0, unnoticed), 0))
    return conditions_of(given) | {
        "capacity_per_second": round(rate, 2),
        "ends": tally.to_json(),
        "memory": figures,
        "quiet": {"before": dataclasses.asdict(before), "after": dataclasses.asdict(after)},
        "changes": changes.made,
        "reloads": scrape.by_label(metrics, "pag_reloads_total"),
        "cancelled": scrape.by_label(metrics, "pag_cancelled_total"),
        "limits": [limit.to_json() for limit in limits],
        "samples": to_rows(samples),
    }


def limits_of(
    tally: Tally, percent: float, most: float, descriptors: int, metrics: scrape.Samples
) -> list[Limit]:
    """What must hold."""
    waiting = sum(scrape.total(metrics, name) for name in GAUGES)
    return [
        Limit("answers with 5xx other than 503 and 504", tally.failures(), 0),
        Limit("requests that got no answer", tally.unanswered(), 0),
        Limit("well-formed requests answered with another 4xx than 429", tally.surprising(), 0),
        Limit("percent of growth of resident memory", percent, most),
        Limit("descriptors more than at the quiet start", descriptors, 0),
        Limit("requests or seconds of work left in the queues' gauges", waiting, 0),
    ]


def table(result: dict[str, Any]) -> str:
    """Ends by client, memory, reloads, and the limits."""
    lines = [f"{actor:14}{ends}" for actor, ends in result["ends"].items()]
    lines += [f"{name:14}{result[name]}" for name in ("memory", "quiet", "changes", "reloads", "cancelled")]
    lines += [str(Limit(limit["what"], limit["value"], limit["limit"])) for limit in result["limits"]]
    return "\n".join(lines)


def main() -> None:
    """Runs the command line."""
    parser = parser_of(__doc__)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument(
        "--deadlines",
        type=float,
        nargs="*",
        default=(30.0, 100.0, 300.0),
        help="milliseconds; none: no deadlines",
    )
    parser.add_argument("--drift", type=float, default=3.0, help="most percent by which memory may grow")
    parser.add_argument("--quiet", type=float, default=QUIET_SECONDS, help="seconds before and after")
    given = parser.parse_args()
    if given.quick:
        given.minutes = 1.0
    prepare()
    result = run(given)
    print(table(result))
    print(save("load_soak", result))
    sys.exit(not all(limit["passed"] for limit in result["limits"]))


if __name__ == "__main__":
    main()
