"""The log of a run: one JSON object a line, and a plot of it."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from model_export.common.writing import replacing


class TrainingLog:
    """Appends to FOLDER/log.jsonl; a resumed run appends to the same file."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "log.jsonl"
        _drop_unfinished_line(self.path)

    def write(self, kind: str, **values: Any) -> None:
        """One line {"kind": kind, ...}."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"kind": kind, **values}) + "\n")


def read_log(path: Path) -> list[dict[str, Any]]:
    """The lines of a log, in order; not a last one that its writer did not live to finish."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


def _drop_unfinished_line(path: Path) -> None:
    if path.is_file():
        content = path.read_bytes()
        os.truncate(path, content.rfind(b"\n") + 1)


def plot(folder: Path) -> Path:
    """Draws loss terms and validation metrics against the step into FOLDER/progress.png."""
    import matplotlib as mpl  # noqa: PLC0415 - slow to import, needed once in a while

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    lines = read_log(folder / "log.jsonl")
    figure, (left, right) = plt.subplots(1, 2, figsize=(13, 5))
    for name, (steps, values) in _curves(lines, "step").items():
        left.plot(steps, _smooth(values), label=name)
    for name, (steps, values) in _curves(lines, "validation").items():
        right.plot(steps, values, marker="o", label=name)
    for axis, title in ((left, "weighted loss terms"), (right, "validation")):
        axis.set_xlabel("step")
        axis.set_title(title)
        axis.legend(fontsize=7)
    left.set_yscale("log")
    figure.tight_layout()
    target = folder / "progress.png"
    with replacing(target) as partial:
        figure.savefig(partial)
    plt.close(figure)
    return target


def _curves(lines: list[dict[str, Any]], kind: str) -> dict[str, tuple[list[int], list[float]]]:
    curves: dict[str, tuple[list[int], list[float]]] = defaultdict(lambda: ([], []))
    for line in lines:
        if line["kind"] == kind:
            for name, value in line["values"].items():
                curves[name][0].append(line["step"])
                curves[name][1].append(value)
    return dict(curves) or {"none yet": ([0], [1.0])}


def _smooth(values: list[float], window: int = 20) -> Any:
    width = min(window, len(values))
    padded = np.pad(values, (width - 1, 0), mode="edge")
    return np.convolve(padded, np.ones(width) / width, mode="valid")
