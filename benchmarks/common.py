"""What every benchmark shares: contenders in turns, the machine's description, results on disk."""

from __future__ import annotations

import datetime
import json
import os
import platform
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

RESULTS = Path(__file__).parent / "results"
QUANTILES = {"least": 0, "lower_quartile": 0.25, "median": 0.5, "upper_quartile": 0.75}


def measure(runs: dict[str, Callable[[], object]], repeats: int) -> dict[str, dict[str, float]]:
    """Milliseconds of each contender, run in turns so that a busy machine slows them alike.

    Each timed run follows an untimed one of the same contender: threads of another session's pool go on
    spinning for a while after its run, and caches hold its data.
    """
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            run()
            start = time.perf_counter()
            run()
            times[name].append((time.perf_counter() - start) * 1e3)
    return {name: quantiles(values) for name, values in times.items()}


def quantiles(values: list[float]) -> dict[str, float]:
    """Least value, quartiles and median by name, to four decimals."""
    figures = np.quantile(values, list(QUANTILES.values())).round(4).tolist()
    return dict(zip(QUANTILES, figures, strict=True))


def cpu_model() -> str:
    """The processor's name."""
    lines = subprocess.run(["lscpu"], capture_output=True, text=True, check=True).stdout.splitlines()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("Model name")), "unknown")


def conditions(**settings: Any) -> dict[str, Any]:
    """Machine, versions, commit and date beside the benchmark's own settings."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return {
        "machine": cpu_model(),
        "architecture": platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "load_average": os.getloadavg()[0],
        "max_isa": os.environ.get("PERFORATED_CONV_MAX_ISA"),
        "onnxruntime": onnxruntime.__version__,
        "commit": commit.stdout.strip(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        **settings,
    }


def save(name: str, result: dict[str, Any]) -> Path:
    """Writes the result as JSON into results/; returns its path."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}-{result['date'][:19].replace(':', '')}.json"
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return path
