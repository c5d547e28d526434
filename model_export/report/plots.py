"""The page's plots: quality of the budgeted network and of all peers against what they cost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from model_export.common.writing import replacing
from model_export.measures.figure import Figure
from model_export.report.markdown import MAIN
from model_export.report.samples import AXES, Axis, Results, Sample

STYLE: Any = {"font.size": 8, "axes.titlesize": 9, "axes.grid": True, "grid.alpha": 0.3, "savefig.dpi": 100}
MARKERS = "os^vDP*X<>ph"


def write(results: Results, folder: Path) -> dict[Axis, Path]:
    """One PNG an axis, a panel a figure; returns their paths."""
    return {axis: _write(results, axis, folder / f"front-{axis}.png") for axis in AXES}


def _write(results: Results, axis: Axis, path: Path) -> Path:
    with plt.rc_context(STYLE):
        figure, panels = plt.subplots(1, len(MAIN), figsize=(4.4 * len(MAIN), 4.2), layout="constrained")
        for panel, each in zip(panels, MAIN, strict=True):
            _panel(panel, results, axis, each)
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=7)
        with replacing(path) as partial:
            figure.savefig(partial, metadata={"Software": None})
        plt.close(figure)
    return path


def _panel(panel: Axes, results: Results, axis: Axis, figure: Figure) -> None:
    _front(panel, results.front(), axis, figure)
    lines = results.study.lines()
    for number, (kind, title) in enumerate(lines.items()):
        _points(panel, results.of_kind(kind), axis, figure, number, title, "-")
    alone = [entry for entry in results.study.networks if entry.kind not in ("budgeted", *lines)]
    for number, entry in enumerate(alone, len(lines)):
        _points(panel, results.samples[entry.name], axis, figure, number, entry.title, "")
    panel.set(xlabel=AXES[axis], title=figure.title)
    if figure.sign < 0:
        panel.invert_yaxis()


def _front(panel: Axes, samples: list[Sample], axis: Axis, figure: Figure) -> None:
    x, y, low, high = _columns(samples, axis, figure)
    panel.fill_between(x, low, high, color="C0", alpha=0.15, linewidth=0)
    panel.plot(x, y, "o-", color="C0", linewidth=2, label=samples[0].entry.title)


def _points(
    panel: Axes, samples: list[Sample], axis: Axis, figure: Figure, number: int, title: str, line: str
) -> None:
    x, y, low, high = _columns(sorted(samples, key=lambda each: getattr(each, axis)), axis, figure)
    below, above = ([abs(a - b) for a, b in zip(y, ends, strict=True)] for ends in (low, high))
    panel.errorbar(
        x, y, [below, above], color=f"C{1 + number % 9}", marker=MARKERS[number % len(MARKERS)],
        linestyle=line, markersize=4, linewidth=1, elinewidth=0.5, capsize=1.5, label=title,
    )  # fmt: skip


def _columns(samples: list[Sample], axis: Axis, figure: Figure) -> tuple[list[float], ...]:
    name, factor = figure.name, figure.factor
    return (
        [float(getattr(sample, axis)) for sample in samples],
        [factor * sample.content["figures"][name] for sample in samples],
        [factor * sample.content["intervals"][name][0] for sample in samples],
        [factor * sample.content["intervals"][name][1] for sample in samples],
    )
