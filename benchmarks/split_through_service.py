"""A whole data split through the running service: quality, share of multiply-adds and inference time.

    python -m benchmarks.split_through_service [--split test] [--budgets 1 0.85 0.7 0.36] [--url URL]

Starts the service itself unless given a URL. Each photograph is posted at every budget in turn, so that a
busy machine slows all budgets alike.
"""

from __future__ import annotations

import contextlib
import io
import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from tqdm import tqdm

from benchmarks.common import conditions, parser_of, save
from benchmarks.running_service import running_service
from model_export.data.nyuv2 import data_root, open_split
from model_export.evaluation.evaluate import SplitMetrics

MAPS = ("semantics", "depth", "normals")
FIGURES = ("miou40", "miou13", "pixel_accuracy", "delta1", "delta1_aligned", "normal_mean_degrees")


def parse(client: httpx.Client, photograph: bytes, budget: float, **query: str) -> tuple[dict[str, Any], Any]:
    """(metadata, arrays by name) of one request answered as npz; `query` are further parameters."""
    parameters = {"budget": str(budget), **query}
    answer = client.post(
        "/parse", params=parameters, content=photograph, headers={"Accept": "application/x-npz"}
    )
    answer.raise_for_status()
    arrays = np.load(io.BytesIO(answer.content))
    return json.loads(str(arrays["meta"])), arrays


def run(url: str, split: str, budgets: Sequence[float]) -> dict[str, dict[str, Any]]:
    """Budget -> figures, share and median milliseconds per stage."""
    samples = open_split(split)
    metrics = {budget: SplitMetrics() for budget in budgets}
    metas: dict[float, list[dict[str, Any]]] = {budget: [] for budget in budgets}
    folder = data_root() / "nyuv2" / "images"
    with httpx.Client(base_url=url, timeout=60) as client:
        for position, id_ in enumerate(tqdm(samples.ids, unit="image")):
            sample, photograph = samples[position], (folder / f"{id_}.jpg").read_bytes()
            for budget in budgets:
                meta, maps = parse(client, photograph, budget)
                metas[budget].append(meta)
                metrics[budget].update_full({name: maps[name] for name in MAPS}, sample)
    return {f"{budget:g}": _summary(metas[budget], metrics[budget]) for budget in budgets}


def _summary(metas: list[dict[str, Any]], metrics: SplitMetrics) -> dict[str, Any]:
    stages = {
        stage: statistics.median(meta["milliseconds"][stage] for meta in metas)
        for stage in metas[0]["milliseconds"]
    }
    return {
        "share": statistics.fmean(meta["budget"]["share"] for meta in metas),
        "milliseconds": stages,
        **metrics.result(),
    }


def report(result: dict[str, dict[str, Any]]) -> None:
    """One line a budget, times relative to the first."""
    first = next(iter(result.values()))["milliseconds"]["inference"]
    print(f"{'budget':8}{'share':>8}{'ms':>8}{'ratio':>8}" + "".join(f"{name[:14]:>16}" for name in FIGURES))
    for budget, row in result.items():
        inference = row["milliseconds"]["inference"]
        figures = "".join(f"{row[name]:16.4f}" for name in FIGURES)
        print(f"{budget:8}{row['share']:8.4f}{inference:8.2f}{inference / first:8.3f}{figures}")


def main() -> None:
    """Runs the command line."""
    parser = parser_of(__doc__)
    parser.add_argument("--split", default="test")
    parser.add_argument("--budgets", type=float, nargs="+", default=(1.0, 0.85, 0.7, 0.36))
    parser.add_argument("--url", help="of a running service")
    parser.add_argument("--weights", type=Path, help="folder of models for a service started here")
    arguments = parser.parse_args()
    settings = conditions(split=arguments.split, budgets=arguments.budgets)
    with contextlib.ExitStack() as stack:
        url = arguments.url or stack.enter_context(running_service(arguments.weights)).url
        result = run(url, arguments.split, arguments.budgets)
    report(result)
    print(save("split_through_service", settings | {"budgets": result}))


if __name__ == "__main__":
    main()
