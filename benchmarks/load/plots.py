"""The picture of a sweep: four panels against the offered load."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.drawing import panels
from benchmarks.load.contenders import CONTENDERS

STYLES: dict[str, Any] = {
    "brownout": {"color": "C0", "marker": "o"},
    "steady": {"color": "C1", "marker": "s"},
    "fastapi": {"color": "C2", "marker": "^"},
    "litserve": {"color": "C3", "marker": "v"},
}
Value = Callable[[dict[str, Any]], Any]
PANELS: tuple[tuple[str, Value], ...] = (
    ("goodput, answers/s", lambda point: point["goodput"]),
    ("p99 of what was not refused, ms", lambda point: point["milliseconds"].get("p99")),
    ("mean budget used", lambda point: 1.0 if point["budget_used"] is None else point["budget_used"]),
    ("mIoU at the budgets used", lambda point: point["miou40"]),
)


def medians(points: list[dict[str, Any]], name: str, value: Value) -> tuple[list[float], list[float]]:
    """Loads of a contender in ascending order, and the median over runs at each."""
    found: dict[float, list[float]] = {}
    for point in points:
        if point["contender"] == name and (known := value(point)) is not None:
            found.setdefault(point["load"], []).append(known)
    loads = sorted(found)
    return loads, [median(found[load]) for load in loads]


def draw_sweep(result: dict[str, Any], path: Path) -> None:
    """PNG of a result of the sweep."""
    capacity = result["capacity"]["per_second"]
    names = [name for name in CONTENDERS if any(p["contender"] == name for p in result["points"])]
    with panels(len(PANELS), path) as axes:
        for axis, (title, value) in zip(axes, PANELS, strict=True):
            for name in names:
                loads, values = medians(result["points"], name, value)
                axis.plot(loads, values, label=CONTENDERS[name].name, markersize=4, **STYLES[name])
            axis.set(title=title, xlabel=f"offered load / capacity ({capacity:.1f}/s)")
        axes[0].set_ylim(bottom=0)
        axes[0].legend()
        axes[1].set_yscale("log")
        limit = result["limit_milliseconds"]
        axes[1].axhline(limit, color="grey", linestyle=":", label=f"limit of goodput, {limit:.0f} ms")
        axes[1].legend()
        axes[2].set_ylim(0, 1.05)
