"""Figures from a run's records: goodput, latency, refusals, budgets, and whether the generator kept up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from benchmarks.load.quality import Quality
from benchmarks.load.records import Record

OK = 200
REFUSED = frozenset({429, 503})
STOPPED = 504
LATE_SECONDS = 0.02
"""A generator whose 99th percentile of lateness is above this did not keep up."""


def summary(records: Sequence[Record], seconds: float, limit: float, quality: Quality) -> dict[str, Any]:
    """Figures of the requests due within `seconds`; an answer later than `limit` seconds is no goodput."""
    answered = [record for record in records if record.status == OK]
    good = [record for record in answered if record.latency <= limit]
    refused = [record for record in records if record.status in REFUSED]
    admitted = [record for record in records if record.status not in REFUSED]
    return {
        "offered": round(len(records) / seconds, 2),
        "goodput": round(len(good) / seconds, 2),
        "throughput": round(len(answered) / seconds, 2),
        "milliseconds": quantiles(record.latency for record in admitted),
        "refused": round(len(refused) / max(1, len(records)), 4),
        "milliseconds_to_refuse": quantiles(record.latency for record in refused),
        "retry_after_seconds": _range(record.retry_after for record in refused),
        "budget_used": _mean(record.used for record in answered),
        "budget_reasons": dict(Counter(record.reason for record in answered)),
        "miou40": _mean(quality.miou(record) for record in answered),
        "ends": dict(Counter(str(record.status or record.outcome) for record in records)),
        "generator": lateness(records),
    }


def quantiles(seconds: Iterable[float]) -> dict[str, float]:
    """p50, p99 and greatest in milliseconds; empty if there are none.

    A request without an answer counts with the time after which its client went away: a lower bound.
    """
    values = np.fromiter(seconds, float) * 1e3
    if not len(values):
        return {}
    figures = np.quantile(values, (0.5, 0.99, 1)).round(2).tolist()
    return dict(zip(("p50", "p99", "max"), figures, strict=True))


def lateness(records: Sequence[Record]) -> dict[str, Any]:
    """How late the generator sent, and whether that is early enough to believe the run."""
    figures = quantiles(record.lateness for record in records if record.sent)
    kept_up = bool(figures) and figures["p99"] <= 1e3 * LATE_SECONDS
    unsent = sum(not record.sent for record in records)
    return {"milliseconds_late": figures, "unsent": unsent, "kept_up": kept_up and not unsent}


def deadlines(records: Sequence[Record], milliseconds: Sequence[float]) -> dict[str, Any]:
    """Of each deadline, which is that of the record's query, and of all: how often it was met."""
    groups = {
        f"{deadline:g}": [record for record in records if record.query == number]
        for number, deadline in enumerate(milliseconds)
    }
    rows = {
        name: _met(group, [float(name) / 1e3] * len(group)) for name, group in groups.items() if len(group)
    }
    limits = [milliseconds[record.query] / 1e3 for record in records]
    return rows | {"all": _met(records, limits)}


def _met(records: Sequence[Record], limits: Sequence[float]) -> dict[str, Any]:
    """Shares: accepted is all that was not refused, met is answered in time as the client sees it."""
    pairs = list(zip(records, limits, strict=True))
    accepted = [(record, limit) for record, limit in pairs if record.status not in REFUSED]
    met = [record for record, limit in accepted if record.status == OK and record.latency <= limit]
    late = [record.latency - limit for record, limit in accepted if record.latency > limit]
    stopped = [record for record, _ in accepted if record.status == STOPPED]
    return {
        "requests": len(pairs),
        "refused": round(1 - len(accepted) / max(1, len(pairs)), 4),
        "met_of_accepted": round(len(met) / len(accepted), 4) if accepted else None,
        "met_of_all": round(len(met) / max(1, len(pairs)), 4),
        "stopped_of_accepted": round(len(stopped) / len(accepted), 4) if accepted else None,
        "milliseconds_beyond": quantiles(late),
        "budget_used": _mean(record.used for record in met),
    }


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(float(np.mean(known)), 4) if known else None


def _range(values: Iterable[float | None]) -> list[float]:
    known = [value for value in values if value is not None]
    return [min(known), max(known)] if known else []
