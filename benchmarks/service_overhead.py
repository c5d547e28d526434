"""The service's cost beyond inference: time per representation, start to readiness, memory afterwards.

    python -m benchmarks.service_overhead [--weights weights] [--runs 30]

Starts `python -m service` as a process of its own and sends photographs of 640x480 over one connection,
one at a time. Run it on a quiet machine.
"""

from __future__ import annotations

import io
import re
import statistics
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from PIL import Image

from benchmarks.common import conditions, parser_of, save
from benchmarks.memory import mebibytes
from benchmarks.running_service import running_service

STAGES = ("decode", "preprocess", "queue", "inference", "postprocess", "encode")
Representations = dict[str, tuple[str, dict[str, str]]]
"""Name -> (media type, further query parameters)."""


def representations(client: httpx.Client) -> Representations:
    """All of the default model's maps at once, each as a PNG, and the overlay."""
    maps = client.get("/models").raise_for_status().json()["models"][0]["default_maps"]
    return {
        "json": ("application/json", {}),
        "zip": ("application/zip", {}),
        "npz": ("application/x-npz", {}),
        **{f"png {name}": ("image/png", {"maps": name}) for name in maps},
        "overlay": ("image/png", {"output": "overlay"}),
    }


def photograph(height: int = 480, width: int = 640) -> bytes:
    """JPEG of smooth colours with grain: decoded about as slowly as a photograph."""
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 256, (12, 16, 3), np.uint8))
    smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), np.int16)
    noisy = np.clip(smooth + rng.normal(0, 6, smooth.shape), 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noisy).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def measure(
    client: httpx.Client, data: bytes, accept: str, query: dict[str, str], runs: int
) -> dict[str, float]:
    """Medians in milliseconds: the whole request, its stages, and what is neither inference nor queue."""
    samples: list[dict[str, float]] = []
    for _ in range(runs + 2):
        start = time.perf_counter()
        answer = client.post("/parse", content=data, headers={"Accept": accept}, params=query)
        total = 1000 * (time.perf_counter() - start)
        answer.raise_for_status()
        timing = dict(re.findall(r"(\w+);dur=([\d.]+)", answer.headers["server-timing"]))
        stages = {stage: float(timing[stage]) for stage in STAGES}
        outside = total - stages["inference"]
        samples.append({"total": total, "outside": outside, **stages, "KiB": len(answer.content) / 1024})
    kept = samples[2:]
    return {key: round(statistics.median(sample[key] for sample in kept), 2) for key in kept[0]}


def report(weights: Path, runs: int) -> dict[str, Any]:
    """All figures of one run."""
    data = photograph()
    with running_service(weights) as server, server.client() as client:
        before = mebibytes(server.process_id)
        rows = {name: measure(client, data, *how, runs) for name, how in representations(client).items()}
        for _ in range(100):
            client.post("/parse", content=data).raise_for_status()
        return {
            "model": client.get("/readyz").json()["models"][0],
            "image": "640x480 JPEG",
            **conditions(runs=runs),
            "cold_start_to_ready_seconds": round(server.seconds_to_ready, 2),
            "rss_mebibytes": {"ready": before, "after_100_requests": mebibytes(server.process_id)},
            "milliseconds": rows,
        }


def table(figures: dict[str, Any]) -> str:
    """Markdown of `report`'s figures."""
    rows = figures["milliseconds"]
    columns = list(next(iter(rows.values())))
    lines = [
        "| answer | " + " | ".join(columns) + " |",
        "|---" * (len(columns) + 1) + "|",
        *(
            f"| {name} | " + " | ".join(f"{row[key]:.1f}" for key in columns) + " |"
            for name, row in rows.items()
        ),
    ]
    memory = figures["rss_mebibytes"]
    lines.append(
        f"\nMedians of {figures['runs']} in ms, sizes in KiB; cold start to ready "
        f"{figures['cold_start_to_ready_seconds']} s; RSS {memory['ready']} MiB when ready, "
        f"{memory['after_100_requests']} MiB after 100 requests."
    )
    return "\n".join(lines)


def main() -> None:
    """Measure, print the table, write the JSON."""
    parser = parser_of(__doc__)
    parser.add_argument("--weights", type=Path, default=Path("weights"))
    parser.add_argument("--runs", type=int, default=30)
    arguments = parser.parse_args()
    figures = report(arguments.weights, arguments.runs)
    print(table(figures))
    print(save("service_overhead", figures))


if __name__ == "__main__":
    main()
