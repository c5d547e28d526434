"""The measurements of `pag bench`: latency of one client, rate of several, and the machine they hold for."""

from __future__ import annotations

import io
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import count, takewhile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pag.cli.connection import connected, in_order
from pag.cli.report import figure, table
from pag.client import Budget, Client, Parsing
from pag.client.calls import ParseOptions
from pag.printable import printable

HEIGHT, WIDTH = 480, 640
# At each budget, before anything counts: the first answers warm memory and connections.
WARM_UPS = 2
MIN_RUNS = 3
RATE_WINDOWS = 3
# With fewer runs their 95th percentile is but the slowest one.
MIN_RUNS_OF_P95 = 20
LOCAL = "this process"
SAMPLE_SECONDS = 0.5
# Above this share of all CPUs, figures are those of two programs.
BUSY_SHARE = 0.15


@dataclass(frozen=True)
class Measurement:
    """What is measured, from the command line: shares, the image file's bytes, and seconds for all."""

    budgets: Sequence[float]
    image: bytes | None
    maps: str | None
    model: str | None
    seconds: float
    jobs: int | None
    as_json: bool


@dataclass(frozen=True)
class Answer:
    """One answer to the single client: its latency, its budget, and the server's stages in milliseconds."""

    milliseconds: float
    budget: Budget
    stages: Mapping[str, float]


@dataclass
class Row:
    """The figures of one budget; times in milliseconds."""

    budget: float
    used: float = 0.0
    share: float = 0.0
    p50: float = 0.0
    p95: float | None = None
    runs: int = 0
    images_per_second: float = 0.0
    stages: dict[str, float] = field(default_factory=dict)


class Bench:
    """Requests the maps of one image over and over."""

    def __init__(self, client: Client, plan: Measurement) -> None:
        self._client = client
        self._image = synthetic_image() if plan.image is None else plan.image
        self._plan = plan

    def latencies(self, seconds: float) -> list[Row]:
        """One client for `seconds`; budgets take turns, so that a disturbance hits all of them alike."""
        budgets = self._plan.budgets
        for _ in range(WARM_UPS):
            for budget in budgets:
                self._request(budget)
        runs: list[list[Answer]] = [[] for _ in budgets]
        end = time.perf_counter() + seconds
        while time.perf_counter() < end or len(runs[0]) < MIN_RUNS:
            for kept, budget in zip(runs, budgets, strict=True):
                kept.append(self._timed_request(budget))
        return [_row(budget, kept) for budget, kept in zip(budgets, runs, strict=True)]

    def rate(self, budget: float, jobs: int, seconds: float) -> float:
        """Answers per second to `jobs` clients at a time, over `seconds`."""
        begun = time.perf_counter()
        numbers = takewhile(lambda number: number < jobs or time.perf_counter() < begun + seconds, count())
        answers = sum(1 for _ in in_order(numbers, lambda _: self._request(budget), jobs))
        return answers / (time.perf_counter() - begun)

    def described(self) -> tuple[str, str]:
        """Names of the model and of the image, for the report."""
        parsing = self._request(self._plan.budgets[0])
        image = parsing.image
        return f"{parsing.model} {parsing.model_version}", f"{image.format} {image.width}x{image.height}"

    def _timed_request(self, budget: float) -> Answer:
        begun = time.perf_counter()
        parsing = self._request(budget)
        return Answer(1000 * (time.perf_counter() - begun), parsing.budget, parsing.milliseconds)

    def _request(self, budget: float) -> Parsing:
        options: ParseOptions = {"budget": budget, "min_budget": budget}
        if self._plan.maps:
            options["maps"] = self._plan.maps
        if self._plan.model:
            options["model"] = self._plan.model
        return self._client.parse(self._image, **options)


def run(plan: Measurement, server: str | None, key: str | None, weights: Path | None) -> None:
    """Measure and print; warns on standard error if the machine is busy."""
    busy = busy_share()
    if busy is not None and busy > BUSY_SHARE:
        warning = (
            f"this machine is busy: {busy:.0%} of its CPUs are in use by others; figures will be too high"
        )
        print(f"pag: {warning}", file=sys.stderr)
    with connected(server, key, weights) as connection:
        bench = Bench(connection.client, plan)
        model, image = bench.described()
        rows = _measured(bench, plan, plan.jobs or connection.jobs)
        document = {
            "machine": machine_name(),
            "busy": busy,
            "server": connection.where,
            "model": model,
            "picture": image,
            "jobs": plan.jobs or connection.jobs,
            "rows": [asdict(row) for row in rows],
        }
    print(json.dumps(document, indent=1) if plan.as_json else _text(document, rows))


def synthetic_image() -> bytes:
    """JPEG of 640x480: smooth colours with some grain, much the same work to decode as a photograph."""
    random = np.random.default_rng(0)
    coarse = Image.fromarray(random.integers(0, 256, (12, 16, 3), np.uint8))
    smooth = np.asarray(coarse.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC), np.float32)
    grain = random.normal(0, 6, smooth.shape)
    file = io.BytesIO()
    Image.fromarray(np.clip(smooth + grain, 0, 255).astype(np.uint8)).save(file, "JPEG", quality=95)
    return file.getvalue()


def machine_name() -> str:
    """The processor and how many CPUs this process may use."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{_processor()}, {cpus} CPUs, {platform.system()}"


def busy_share() -> float | None:
    """Share of all CPU time that is used, while this process sleeps; None if unknown."""
    before = _times()
    time.sleep(SAMPLE_SECONDS)
    after = _times()
    if before is None or after is None or after[1] <= before[1]:
        return None
    return 1 - (after[0] - before[0]) / (after[1] - before[1])


def _measured(bench: Bench, plan: Measurement, jobs: int) -> list[Row]:
    rows = bench.latencies(plan.seconds / 2)
    window = plan.seconds / 2 / len(rows) / RATE_WINDOWS
    # In turns too: a disturbance that lasts spoils one window of each budget, and not one budget.
    rounds = [[bench.rate(row.budget, jobs, window) for row in rows] for _ in range(RATE_WINDOWS)]
    for row, rates in zip(rows, zip(*rounds, strict=True), strict=True):
        row.images_per_second = statistics.median(rates)
    return rows


def _row(budget: float, runs: Sequence[Answer]) -> Row:
    times = [run.milliseconds for run in runs]
    return Row(
        budget,
        used=runs[-1].budget.used,
        share=runs[-1].budget.share,
        p50=float(np.percentile(times, 50)),
        p95=float(np.percentile(times, 95)) if len(times) >= MIN_RUNS_OF_P95 else None,
        runs=len(runs),
        stages={name: statistics.median(run.stages[name] for run in runs) for name in runs[-1].stages},
    )


def _text(document: dict[str, Any], rows: Sequence[Row]) -> str:
    stages = list(rows[0].stages)
    head = ["budget", "used", "share", "p50", "p95", "images/s", *map(printable, stages)]
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
    here = LOCAL if document["server"] == LOCAL else f"{document['server']}, requests from this machine"
    counts = f"{rows[0].runs} answers to one client at each budget, then {document['jobs']} clients at a time"
    client = "" if document["server"] == LOCAL else "client: "
    subject = printable(f"{document['model']} on {document['picture']}")
    about = f"{subject}, {here}\n{client}{document['machine']}\n{counts}"
    return f"{about}\n\n{table(head, cells)}"


def _times() -> tuple[int, int] | None:
    """Idle time and all time so far, of all CPUs."""
    try:
        fields = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    except (OSError, ValueError, IndexError):
        return None
    # Idle, and waiting for disks.
    return fields[3] + fields[4], sum(fields)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
