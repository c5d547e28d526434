"""Servers beside a bare loop that decodes, infers and encodes without HTTP: one client, and several.

    python -m benchmarks.load.overhead [--rounds 10] [--seconds 2] [--contenders steady fastapi litserve]

Servers and the bare loop take turns, round by round; ratios are medians over the rounds. Only one computes at
a time: the others wait for requests.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import itertools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from benchmarks.common import save
from benchmarks.load.contenders import CONTENDERS, Running
from benchmarks.load.figures import OK
from benchmarks.load.generate import generate
from benchmarks.load.options import ANSWERS, Requests, conditions_of, host_of, parser_of, requests_of
from benchmarks.load.pipeline import Pipeline
from benchmarks.load.process import prepare
from benchmarks.load.quality import model_in
from benchmarks.timing import Bystanders, Timings

BARE = "bare"
SETTLING_SECONDS = 0.1
Figures = dict[str, float]


def bare_loop(pipeline: Pipeline, requests: Requests, seconds: float) -> Figures:
    """Milliseconds p50 and answers a second of the pipeline called again and again."""
    bodies = [Path(path).read_bytes() for path in requests.bodies]
    took, end = [], time.perf_counter() + seconds
    for body in itertools.cycle(bodies):
        start = time.perf_counter()
        pipeline.answer(body, requests.size, requests.accept)
        took.append(time.perf_counter() - start)
        if start + took[-1] >= end:
            break
    return {"p50": 1e3 * float(np.median(took)), "per_second": len(took) / sum(took)}


def one_server(server: Running, requests: Requests, seconds: float, clients: int) -> Figures:
    """The same of a server, in a closed loop."""
    records = generate(requests.plan(server.port, seconds, concurrency=clients, patience=60))
    # The first answer to each client pays for its connection.
    kept = [record for record in records[clients:] or records if record.status == OK]
    if not kept:
        raise SystemExit("no answer with status 200 from a server")
    p50 = 1e3 * float(np.median([record.latency for record in kept]))
    first, last = min(record.sent for record in kept), max(record.done for record in kept)
    return {"p50": p50, "per_second": len(kept) / (last - first)}


def same_arrays(body: bytes, pipeline: Pipeline, servers: dict[str, Running]) -> None:
    """SystemExit unless every server's answer holds the bare loop's arrays."""
    accept, size = ANSWERS["npz"]
    expected = np.load(io.BytesIO(pipeline.answer(body, size, accept)))
    for name, server in servers.items():
        url = f"http://127.0.0.1:{server.port}/parse?size={size}"
        url += "&budget=1" if CONTENDERS[name].kind == "service" else ""
        answer = httpx.post(url, content=body, headers={"Accept": accept}, timeout=60).raise_for_status()
        arrays = np.load(io.BytesIO(answer.content))
        for key in set(expected.files) - {"meta"}:
            if not np.array_equal(arrays[key], expected[key], equal_nan=key != "semantics"):
                raise SystemExit(f"{name} answers other {key} than the bare loop")


def run(given: argparse.Namespace) -> dict[str, Any]:
    """All rounds."""
    host, bystanders = host_of(given), Bystanders()
    folder, _ = model_in(given.weights)
    with requests_of(given) as requests, contextlib.ExitStack() as stack:
        pipeline = Pipeline(folder, given.threads)
        servers = {name: stack.enter_context(host.running(CONTENDERS[name])) for name in given.contenders}
        same_arrays(Path(requests.bodies[0]).read_bytes(), pipeline, servers)
        turns: dict[str, Callable[[], Figures]] = {BARE: lambda: bare_loop(pipeline, requests, given.seconds)}
        for name, server in servers.items():
            for clients in (1, given.clients):
                turns[f"{name} c={clients}"] = lambda server=server, clients=clients: one_server(  # type: ignore[misc]
                    server, requests, given.seconds, clients
                )
        rounds = take_turns(turns, given.rounds)
    return conditions_of(given) | {"bystanders": bystanders.share(), "rows": compare(rounds)}


def take_turns(turns: dict[str, Callable[[], Figures]], rounds: int) -> dict[str, list[Figures]]:
    """Figures of each, round by round; a first round is thrown away."""
    figures: dict[str, list[Figures]] = {name: [] for name in turns}
    for _ in range(rounds + 1):
        for name, turn in turns.items():
            time.sleep(SETTLING_SECONDS)  # threads of the one before still spin for a while
            figures[name].append(turn())
    return {name: rows[1:] for name, rows in figures.items()}


def compare(rounds: dict[str, list[Figures]]) -> dict[str, dict[str, Any]]:
    """Medians, and ratios to the bare loop of the same round with their quartiles."""
    bare = {key: np.array([row[key] for row in rounds[BARE]]) for key in ("p50", "per_second")}
    rows = {}
    for name, figures in rounds.items():
        values = {key: np.array([row[key] for row in figures]) for key in bare}
        timings = Timings({name: values["p50"], BARE: bare["p50"]})
        rows[name] = {
            "p50_milliseconds": round(timings.median(name), 2),
            "per_second": round(float(np.median(values["per_second"])), 2),
            "p50_over_bare": _quartiles(values["p50"] / bare["p50"]),
            "throughput_over_bare": _quartiles(values["per_second"] / bare["per_second"]),
        }
    return rows


def _quartiles(ratios: Any) -> dict[str, float]:
    low, middle, high = np.quantile(ratios, (0.25, 0.5, 0.75)).round(4).tolist()
    return {"median": middle, "lower_quartile": low, "upper_quartile": high}


def table(rows: dict[str, dict[str, Any]]) -> str:
    """One row each."""
    lines = [f"{'':16}{'p50 ms':>9}{'per s':>8}{'p50/bare':>20}{'throughput/bare':>20}"]
    for name, row in rows.items():
        ratios = [
            f"{r['median']:.3f} [{r['lower_quartile']:.3f}, {r['upper_quartile']:.3f}]"
            for r in (row["p50_over_bare"], row["throughput_over_bare"])
        ]
        lines.append(
            f"{name:16}{row['p50_milliseconds']:9.2f}{row['per_second']:8.1f}{ratios[0]:>22}{ratios[1]:>22}"
        )
    return "\n".join(lines)


def main() -> None:
    """Runs the command line."""
    parser = parser_of(__doc__)
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS, default=["steady", "fastapi"])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each turn")
    parser.add_argument("--clients", type=int, default=4, help="besides one")
    given = parser.parse_args()
    if given.quick:
        given.rounds, given.seconds = 2, 1.0
    prepare()
    result = run(given)
    print(table(result["rows"]))
    print(save("load_overhead", result))


if __name__ == "__main__":
    main()
