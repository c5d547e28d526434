"""The picture of a sweep: four panels against the offered load."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
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


def draw_sweep(result: dict[str, Any], path: Path) -> None:
    """PNG of a result of the sweep."""
    capacity = result["capacity"]["per_second"]
    names = [name for name in CONTENDERS if any(p["contender"] == name for p in result["points"])]
    with panels(len(PANELS), path) as axes:
        for axis, (title, value) in zip(axes, PANELS, strict=True):
            for name in names:
                chosen = [p for p in result["points"] if p["contender"] == name and value(p) is not None]
                chosen.sort(key=lambda point: float(point["load"]))
                loads, values = [p["load"] for p in chosen], [value(p) for p in chosen]
                axis.plot(loads, values, label=CONTENDERS[name].name, markersize=4, **STYLES[name])
            axis.set(title=title, xlabel=f"offered load / capacity ({capacity:.1f}/s)")
        axes[0].set_ylim(bottom=0)
        axes[0].legend()
        axes[1].set_yscale("log")
        limit = result["limit_milliseconds"]
        axes[1].axhline(limit, color="grey", linestyle=":", label=f"limit of goodput, {limit:.0f} ms")
        axes[1].legend()
        axes[2].set_ylim(0, 1.05)
