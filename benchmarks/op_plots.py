"""The picture of the timings of single layers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from benchmarks.drawing import COLOURS, panels
from benchmarks.layers import FIGURE
from benchmarks.op_contenders import DENSITIES, NATIVE, ONEDNN, OPENVINO, ORT, Contender
from benchmarks.op_results import ELEMENT_BYTES, LayerResult
from benchmarks.roofline import Roofline

MARKS = {
    NATIVE["bf16"]: ("C0", "o"),
    NATIVE["f32"]: ("C1", "o"),
    OPENVINO["bf16"]: ("C0", "x"),
    ONEDNN: ("C2", "+"),
    OPENVINO["f32"]: ("C1", "x"),
    ORT: ("C3", "+"),
}


def op_latency(results: Sequence[LayerResult], roofline: Roofline, beside: Path) -> Path:
    """GFLOP/s of the dense layers under the peaks; time against density of the masked ones."""
    with panels(2, beside.with_suffix(".png")) as (left, right):
        _dense(left, results, roofline)
        _masked(right, results)
    return beside.with_suffix(".png")


def _dense(axes: Axes, results: Sequence[LayerResult], roofline: Roofline) -> None:
    _roof(axes, results, roofline)
    for contender in MARKS:
        _scatter(axes, results, contender)
    axes.set(xscale="log", ylim=(0, None), xlabel="FLOP a byte of float32 maps and weights", ylabel="GFLOP/s")
    axes.set_title("dense layers")
    axes.legend(fontsize=6)


def _intensity(result: LayerResult) -> float:
    return result.layer.gflop / result.layer.gbytes(ELEMENT_BYTES)


def _roof(axes: Axes, results: Sequence[LayerResult], roofline: Roofline) -> None:
    intensities = [_intensity(result) for result in results]
    x = np.geomspace(min(intensities) / 1.5, max(intensities) * 1.5, 100)
    for precision, native in NATIVE.items():
        if not any(result.has(native) for result in results):
            continue
        colour = COLOURS[precision]
        y = np.minimum(roofline.peak(precision), x * roofline.l3_read_gbytes)
        axes.plot(x, y, color=colour, linewidth=0.8, label=f"{precision} peak")


def _scatter(axes: Axes, results: Sequence[LayerResult], contender: Contender) -> None:
    own = [result for result in results if result.has(contender)]
    if own:
        colour, marker = MARKS[contender]
        rates = [1e3 * result.layer.gflop / result.milliseconds(contender) for result in own]
        axes.scatter(
            [_intensity(result) for result in own], rates, s=18, c=colour, marker=marker, linewidths=0.9,
            label=contender.name,
        )  # fmt: skip


def _masked(axes: Axes, results: Sequence[LayerResult]) -> None:
    axes.plot([0, 1], [0, 1], color="black", linewidth=0.8, label="density")
    densities = [1.0, *DENSITIES]
    for result in results:
        for precision, native in NATIVE.items():
            if ratios := result.mask_ratios(native):
                strong = result.layer.name == FIGURE
                values = [1.0, *(ratios["smooth", density] for density in DENSITIES)]
                label = f"{native.name}, {FIGURE}" if strong else None
                axes.plot(
                    densities, values, color=COLOURS[precision], linewidth=2 if strong else 0.6,
                    alpha=1 if strong else 0.5, label=label,
                )  # fmt: skip
    axes.set(
        xlabel="density of a smooth mask", ylabel="time over the dense time", xlim=(0, 1), ylim=(0, None)
    )
    axes.set_title("masked layers")
    axes.legend(fontsize=6)
