"""A server's /metrics as numbers."""

from __future__ import annotations

import re

from benchmarks.running_service import get

SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$")
Samples = dict[tuple[str, str], float]


def scrape(port: int) -> Samples:
    """(name, labels as written) -> value."""
    status, text = get(port, "/metrics", timeout=60)
    if status != 200:
        raise SystemExit(f"/metrics was answered with {status}")
    return parse(text)


def parse(text: str) -> Samples:
    """Of Prometheus' text format."""
    found = (SAMPLE.match(line) for line in text.splitlines())
    return {(match[1], match[2] or ""): float(match[3]) for match in found if match}


def difference(before: Samples, after: Samples) -> Samples:
    """What was counted between two scrapes."""
    return {key: value - before.get(key, 0.0) for key, value in after.items()}


def by_label(samples: Samples, name: str) -> dict[str, float]:
    """Value of each label of a metric with one label; those that are zero left out."""
    rows = {labels: value for (found, labels), value in samples.items() if found == name and value}
    return {labels.partition("=")[2].strip('"'): value for labels, value in rows.items()}


def total(samples: Samples, name: str) -> float:
    """Sum over all labels; 0 if there is none."""
    return sum(value for (found, _), value in samples.items() if found == name)


def histogram(samples: Samples, name: str) -> dict[str, float]:
    """Upper bound -> how many were at most that; of a histogram without other labels."""
    return by_label(samples, f"{name}_bucket")
