"""The picture of the timings of whole networks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes

from benchmarks.drawing import COLOURS, panels
from benchmarks.growth import Growth
from benchmarks.network_report import PEERS, NetworkResult


def network_latency(results: Sequence[NetworkResult], growth: Growth | None, beside: Path) -> Path:
    """Time against share of each network, with the peers as lines; time and memory against pixels."""
    with panels(len(results) + (2 if growth else 0), beside.with_suffix(".png")) as axes:
        for result, each in zip(results, axes, strict=False):
            _network(each, result)
        if growth:
            _growth_of_time(axes[-2], growth)
            _growth_of_memory(axes[-1], growth)
    return beside.with_suffix(".png")


def _network(axes: Axes, result: NetworkResult) -> None:
    settings = result.subject.settings
    for precision in result.precisions:
        colour = COLOURS[precision]
        times = [result.timings.median(result.native(precision, setting)) for setting in settings]
        axes.plot([s.share for s in settings], times, "o-", color=colour, label=f"native {precision}")
        axes.plot([0, 1], [0, times[0]], ":", color=colour, linewidth=0.8)
        for peer, style in zip(result.ran(PEERS[precision]), ("--", "-."), strict=False):
            axes.axhline(result.timings.median(peer.name), ls=style, c=colour, lw=0.8, label=peer.name)
    axes.set(xlabel="share of multiply-adds", ylabel="ms", xlim=(0, 1.05), ylim=(0, None))
    axes.set_title(result.subject.name)
    axes.legend(fontsize=6)


def _growth_of_time(axes: Axes, growth: Growth) -> None:
    for line, cases in growth.lines().items():
        constant, slope, _ = growth.fit(line)
        x = [case.megapixels for case in cases]
        colour = COLOURS[cases[0].level.precision]
        times = [growth.timings.median(case.name) for case in cases]
        axes.plot(x, times, "o" if cases[0].budget == 1 else "s", color=colour, label=line, markersize=4)
        axes.plot(x, [constant + slope * value for value in x], color=colour, linewidth=0.8)
    axes.set(xlabel="megapixels", ylabel="ms", xlim=(0, None), ylim=(0, None))
    axes.set_title("time, and the closest straight lines")
    axes.legend(fontsize=6)


def _growth_of_memory(axes: Axes, growth: Growth) -> None:
    for line, cases in growth.lines().items():
        peaks = [growth.memory[case.name][1] for case in cases]
        style = "o-" if cases[0].budget == 1 else "s--"
        colour = COLOURS[cases[0].level.precision]
        axes.plot([c.megapixels for c in cases], peaks, style, color=colour, label=line, markersize=4)
    axes.set(xlabel="megapixels", ylabel="peak MiB of a process", xlim=(0, None), ylim=(0, None))
    axes.set_title("memory")
    axes.legend(fontsize=6)
