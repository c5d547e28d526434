"""What `pag bench` measures: one client with budgets taking turns, then several clients at each budget."""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import count, takewhile
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pag.cli.connect import connected
from pag.cli.machine import BUSY, busy_share, described
from pag.cli.tables import figure, table
from pag.cli.workers import in_order
from pag.client import Budget, Client, Parsing
from pag.client.calls import ParseOptions

HEIGHT, WIDTH = 480, 640
# At each budget, before anything counts: the first answers warm memory and connections.
WARM_UPS = 2
LEAST_RUNS = 3
RATE_WINDOWS = 3
# With fewer runs their 95th percentile is but the slowest one.
LEAST_RUNS_OF_P95 = 20


@dataclass(frozen=True)
class Orders:
    """Everything that the command line said."""

    budgets: Sequence[float]
    image: bytes | None
    tasks: str | None
    model: str | None
    seconds: float
    jobs: int | None
    as_json: bool


@dataclass(frozen=True)
class Run:
    """One answer to the lone client."""

    milliseconds: float
    budget: Budget
    stages: Mapping[str, float]


@dataclass
class Row:
    """What one budget gave; times in milliseconds."""

    budget: float
    used: float = 0.0
    share: float = 0.0
    p50: float = 0.0
    p95: float | None = None
    runs: int = 0
    images_per_second: float = 0.0
    stages: dict[str, float] = field(default_factory=dict)


class Bench:
    """Asks for one picture over and over."""

    def __init__(self, client: Client, orders: Orders) -> None:
        self._client = client
        self._picture = made_picture() if orders.image is None else orders.image
        self._orders = orders

    def latencies(self, seconds: float) -> list[Row]:
        """One client; the budgets take turns, so that whatever disturbs the machine disturbs all alike."""
        budgets = self._orders.budgets
        for _ in range(WARM_UPS):
            for budget in budgets:
                self._ask(budget)
        runs: list[list[Run]] = [[] for _ in budgets]
        end = time.perf_counter() + seconds
        while time.perf_counter() < end or len(runs[0]) < LEAST_RUNS:
            for kept, budget in zip(runs, budgets, strict=True):
                kept.append(self._timed(budget))
        return [_row(budget, kept) for budget, kept in zip(budgets, runs, strict=True)]

    def rate(self, budget: float, jobs: int, seconds: float) -> float:
        """Answers a second to `jobs` clients."""
        begun = time.perf_counter()
        numbers = takewhile(lambda number: number < jobs or time.perf_counter() < begun + seconds, count())
        answers = sum(1 for _ in in_order(numbers, lambda _: self._ask(budget), jobs))
        return answers / (time.perf_counter() - begun)

    def described(self) -> tuple[str, str]:
        """The model that answers, and the picture."""
        parsing = self._ask(self._orders.budgets[0])
        image = parsing.image
        return f"{parsing.model} {parsing.model_version}", f"{image.format} {image.width}x{image.height}"

    def _timed(self, budget: float) -> Run:
        begun = time.perf_counter()
        parsing = self._ask(budget)
        return Run(1000 * (time.perf_counter() - begun), parsing.budget, parsing.milliseconds)

    def _ask(self, budget: float) -> Parsing:
        options: ParseOptions = {"budget": budget, "min_budget": budget}
        if self._orders.tasks:
            options["maps"] = self._orders.tasks
        if self._orders.model:
            options["model"] = self._orders.model
        return self._client.parse(self._picture, **options)


def run(orders: Orders, server: str | None, key: str | None, weights: Path | None) -> None:
    """Measure and print; a busy machine is said on standard error."""
    busy = busy_share()
    if busy is not None and busy > BUSY:
        warning = (
            f"this machine is busy: {busy:.0%} of its CPUs are in use by others; figures will be too high"
        )
        print(f"pag: {warning}", file=sys.stderr)
    with connected(server, key, weights) as connection:
        bench = Bench(connection.client, orders)
        model, picture = bench.described()
        rows = _measured(bench, orders, orders.jobs or connection.jobs)
        document = {
            "machine": described(),
            "busy": busy,
            "server": connection.where,
            "model": model,
            "picture": picture,
            "jobs": orders.jobs or connection.jobs,
            "rows": [asdict(row) for row in rows],
        }
    print(json.dumps(document, indent=1) if orders.as_json else _text(document, rows))


def made_picture() -> bytes:
    """JPEG of 640x480: smooth colours with some grain, much the same work to decode as a photograph."""
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (12, 16, 3), np.uint8)
    smooth = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    grain = random.normal(0, 6, smooth.shape)
    _, data = cv2.imencode(".jpg", np.clip(smooth + grain, 0, 255).astype(np.uint8))
    return bytes(data)


def _measured(bench: Bench, orders: Orders, jobs: int) -> list[Row]:
    rows = bench.latencies(orders.seconds / 2)
    window = orders.seconds / 2 / len(rows) / RATE_WINDOWS
    # In turns too: a disturbance that lasts spoils one window of each budget, and not one budget.
    rounds = [[bench.rate(row.budget, jobs, window) for row in rows] for _ in range(RATE_WINDOWS)]
    for row, rates in zip(rows, zip(*rounds, strict=True), strict=True):
        row.images_per_second = statistics.median(rates)
    return rows


def _row(budget: float, runs: Sequence[Run]) -> Row:
    times = [run.milliseconds for run in runs]
    return Row(
        budget,
        used=runs[-1].budget.used,
        share=runs[-1].budget.share,
        p50=float(np.percentile(times, 50)),
        p95=float(np.percentile(times, 95)) if len(times) >= LEAST_RUNS_OF_P95 else None,
        runs=len(runs),
        stages={name: statistics.median(run.stages[name] for run in runs) for name in runs[-1].stages},
    )


def _text(document: dict[str, Any], rows: Sequence[Row]) -> str:
    stages = list(rows[0].stages)
    head = ["budget", "used", "share", "p50", "p95", "images/s", *stages]
    cells = [
        [
            f"{row.budget:g}",
            f"{row.used:.3g}",
            figure(row.share),
            *(figure(value, 1) for value in (row.p50, row.p95, row.images_per_second)),
            *(figure(row.stages[name], 1) for name in stages),
        ]
        for row in rows
    ]
    here = (
        "this process" if document["server"] == "this process" else f"{document['server']}, asked from here"
    )
    counts = f"{rows[0].runs} answers to one client at each budget, then {document['jobs']} clients at a time"
    client = "" if document["server"] == "this process" else "client: "
    about = f"{document['model']} on {document['picture']}, {here}\n{client}{document['machine']}\n{counts}"
    return f"{about}\n\n{table(head, cells)}"
