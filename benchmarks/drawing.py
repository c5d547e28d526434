"""The frame of the benchmarks' pictures: panels in a row, colours, a small PNG."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from model_export.common.writing import replacing

STYLE: Any = {"font.size": 8, "axes.titlesize": 9, "axes.grid": True, "grid.alpha": 0.3, "savefig.dpi": 100}
COLOURS = {"f32": "C1", "bf16": "C0"}


@contextlib.contextmanager
def panels(count: int, path: Path) -> Iterator[list[Axes]]:
    """So many axes in a row, written to the PNG on leaving."""
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, count, figsize=(4.4 * count, 3.6), layout="constrained", squeeze=False)
        yield list(axes[0])
        with replacing(path) as partial:
            figure.savefig(partial)
        plt.close(figure)
