"""Goodput, latency, refusals, budget and accuracy against the offered load; with brown-out, without, peers.

    python -m benchmarks.load.sweep [--contenders brownout steady fastapi litserve] [--loads 0.5 1 2 4]
    python -m benchmarks.load.sweep --join results/load_sweep-A.json results/load_sweep-B.json

Capacity is measured first: a closed loop at budget 1 without brown-out. Each point then gets a server of its
own and an open loop of Poisson arrivals at so many times that capacity. Goodput counts answers with status
200 within a limit that is the same for all: so many times the p50 of a lone client at budget 1.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from benchmarks.common import save
from benchmarks.load.contenders import CONTENDERS, STEADY, Host
from benchmarks.load.figures import summary
from benchmarks.load.generate import generate, within
from benchmarks.load.options import Requests, conditions_of, host_of, parser_of, requests_of
from benchmarks.load.plots import draw_sweep
from benchmarks.load.process import prepare
from benchmarks.load.quality import Quality, model_in
from benchmarks.timing import Bystanders

LOADS = (0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0)
QUICK_LOADS = (0.5, 2.0)


def measure_capacity(host: Host, requests: Requests, given: argparse.Namespace) -> dict[str, float]:
    """Milliseconds p50 of a lone client, and answers a second to `--clients` clients."""
    with host.running(STEADY) as server:
        p50 = _closed(server.port, requests, given, 1)["milliseconds"]["p50"]
        rate = _closed(server.port, requests, given, given.clients)["goodput"]
    return {"p50_milliseconds": p50, "per_second": rate, "clients": given.clients}


def _closed(port: int, requests: Requests, given: argparse.Namespace, clients: int) -> dict[str, Any]:
    total = given.warm_up + given.seconds
    records = generate(requests.plan(port, total, concurrency=clients, patience=60))
    kept = within(records, given.warm_up, total)
    return summary(kept, given.seconds, float("inf"), Quality({}))


def measure_point(
    host: Host, requests: Requests, given: argparse.Namespace, name: str, load: float, about: dict[str, Any]
) -> dict[str, Any]:
    """Figures of one contender at one offered load."""
    total = given.warm_up + given.seconds
    rate = load * about["capacity"]["per_second"]
    quality = Quality.of(model_in(given.weights)[1])
    with host.running(CONTENDERS[name]) as server:
        records = generate(requests.plan(server.port, total, rate=rate, patience=given.patience))
    kept = within(records, given.warm_up, total)
    figures = summary(kept, given.seconds, about["limit_milliseconds"] / 1e3, quality)
    return {"contender": name, "load": load, **figures}


def run(given: argparse.Namespace) -> dict[str, Any]:
    """Capacity, then every point, load by load so that a slow phase of the machine meets all contenders."""
    host, points, bystanders = host_of(given), [], Bystanders()
    with requests_of(given) as requests:
        capacity = measure_capacity(host, requests, given)
        limit = given.limit or given.limit_factor * capacity["p50_milliseconds"]
        about = {"capacity": capacity, "limit_milliseconds": round(limit, 1)}
        print(f"capacity {capacity}, goodput within {limit:.0f} ms")
        print(HEADING)
        for load in given.loads:
            for name in given.contenders:
                points.append(measure_point(host, requests, given, name, load, about))
                print(line(points[-1]), flush=True)
                time.sleep(given.pause)
    return conditions_of(given) | about | {"bystanders": bystanders.share(), "points": points}


HEADING = (
    f"{'contender':10}{'load':>6}{'offered':>9}{'answered':>10}{'goodput':>9}"
    f"{'p50 ms':>9}{'p99 ms':>9}{'refused':>9}"
    f"{'p99 to refuse':>15}{'budget':>8}{'mIoU':>8}  ends"
)


def line(point: dict[str, Any]) -> str:
    """One row of the table; it is marked if the generator did not keep up."""
    times, refusals = point["milliseconds"], point["milliseconds_to_refuse"]
    budget, miou = point["budget_used"] or 1.0, point["miou40"] or 0.0
    cells = (
        f"{point['contender']:10}{point['load']:6g}{point['offered']:9.1f}{point['throughput']:10.1f}"
        f"{point['goodput']:9.1f}"
        f"{times.get('p50', 0):9.1f}{times.get('p99', 0):9.1f}{point['refused']:9.1%}"
        f"{refusals.get('p99', float('nan')):15.1f}{budget:8.3f}{miou:8.4f}"
    )
    late = "" if point["generator"]["kept_up"] else "  GENERATOR LATE"
    return f"{cells}  {point['ends']}{late}"


def join(paths: list[Path]) -> dict[str, Any]:
    """The points of several runs under the conditions of the first; loads are of each run's own capacity."""
    runs = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    first = runs[0]
    for other, path in zip(runs[1:], paths[1:], strict=True):
        if other["machine"] != first["machine"] or other["options"]["answer"] != first["options"]["answer"]:
            raise SystemExit(f"{path} was taken on another machine or of other answers")
    points = [point for run in runs for point in run["points"]]
    joined: dict[str, Any] = first | {
        "joined": [_origin(*pair) for pair in zip(paths, runs, strict=True)],
        "points": points,
    }
    return joined


def _origin(path: Path, run: dict[str, Any]) -> dict[str, Any]:
    keys = ("commit", "date", "capacity", "limit_milliseconds", "bystanders")
    return {"file": path.name, **{key: run[key] for key in keys}}


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = parser_of(__doc__)
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS, default=list(CONTENDERS))
    parser.add_argument("--loads", type=float, nargs="+", default=LOADS, help="multiples of the capacity")
    parser.add_argument("--seconds", type=float, default=15.0, help="of each point")
    parser.add_argument("--warm-up", type=float, default=3.0, help="seconds of the same load before it")
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between points")
    parser.add_argument("--clients", type=int, default=4, help="of the closed loop that measures capacity")
    parser.add_argument("--patience", type=float, default=10.0, help="seconds until a client goes away")
    parser.add_argument("--limit-factor", type=float, default=10.0, help="latency limit: so many times p50")
    parser.add_argument("--limit", type=float, help="latency limit in milliseconds instead")
    parser.add_argument("--join", type=Path, nargs="+", help="draw these results together; run nothing")
    given = parser.parse_args()
    if given.quick:
        given.seconds, given.warm_up, given.loads = 2.0, 1.0, QUICK_LOADS
    if "litserve" in given.contenders and given.litserve_python is None and given.join is None:
        print("LitServe is left out: --litserve-python names no interpreter")
        given.contenders.remove("litserve")
    return given


def main() -> None:
    """Runs the command line."""
    given = arguments()
    prepare()
    result = join(given.join) if given.join else run(given)
    path = save("load_sweep_joined" if "joined" in result else "load_sweep", result)
    draw_sweep(result, path.with_suffix(".png"))
    print(path)


if __name__ == "__main__":
    main()
