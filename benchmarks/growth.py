"""How time and peak memory of the shipped network grow with the size of the image."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from benchmarks.photograph import photograph
from benchmarks.runtimes import Level, NativeLibrary
from benchmarks.timing import Limit, Run, Timings, measure
from service.model_folder.files import load_manifest
from service.model_folder.manifest import MODEL_NAME

SIZES = ((256, 320), (480, 640), (736, 960), (736, 1280), (960, 1280), (1088, 1920))
"""From 240x320 to 1080x1920, padded to multiples of 32 as the service does."""
LARGEST_ERROR = 0.10
"""Of the straight line through the times, relative to the line."""


@dataclass(frozen=True)
class Case:
    """One size at one budget and level."""

    level: Level
    budget: float
    height: int
    width: int

    @property
    def line(self) -> str:
        """What it shares with the other sizes: "native bf16 budget 1"."""
        return f"{self.level.name} budget {self.budget:.2g}"

    @property
    def name(self) -> str:
        """As in the JSON."""
        return f"{self.line} {self.height}x{self.width}"

    @property
    def megapixels(self) -> float:
        """Of the padded image."""
        return self.height * self.width * 1e-6


@dataclass(frozen=True)
class Growth:
    """Timings by case, and mebibytes at the peak: with the model loaded, and after it ran."""

    cases: tuple[Case, ...]
    timings: Timings
    memory: dict[str, tuple[float, float]]

    def lines(self) -> dict[str, list[Case]]:
        """The cases of each line, by ascending size."""
        return {
            line: [c for c in self.cases if c.line == line]
            for line in dict.fromkeys(c.line for c in self.cases)
        }

    def fit(self, line: str) -> tuple[float, float, float]:
        """(milliseconds, milliseconds a megapixel, largest relative error) of the closest straight line."""
        cases = self.lines()[line]
        x = np.array([case.megapixels for case in cases])
        y = np.array([self.timings.median(case.name) for case in cases])
        slope, constant = np.polyfit(x, y, 1, w=1 / y)
        error = float(np.abs(y / (constant + slope * x) - 1).max())
        return float(constant), float(slope), error

    def limits(self) -> list[Limit]:
        """That time grows as a straight line."""
        return [
            Limit(f"growth, {line}: error of a straight line", self.fit(line)[2], LARGEST_ERROR)
            for line in self.lines()
        ]

    def to_json(self) -> dict[str, Any]:
        """Everything measured and derived."""
        keys = ("constant_ms", "ms_per_megapixel", "largest_error")
        return {
            "milliseconds": self.timings.to_json(),
            "mebibytes_loaded_and_peak": self.memory,
            "lines": {
                line: dict(zip(keys, np.round(self.fit(line), 4).tolist(), strict=True))
                for line in self.lines()
            },
            "limits": [limit.to_json() for limit in self.limits()],
        }


def measure_growth(
    folder: Path,
    library: NativeLibrary,
    levels: Sequence[Level],
    sizes: Sequence[tuple[int, int]],
    threads: int,
    seconds: float,
) -> Growth:
    """At budget 1 and at the floor, every level; times in turns, memory in a fresh process each."""
    floor, path = load_manifest(folder).gates_floor, folder / MODEL_NAME
    cases = tuple(Case(level, budget, *size) for level in levels for budget in (1.0, floor) for size in sizes)
    runs, model = {}, onnx.load(path)
    for level in levels:
        opened = library.session(model, level, threads)
        for case in cases:
            if case.level == level:
                runs[case.name] = _run(opened, case)
    timings = measure(runs, seconds, least=4)
    memory = {case.name: peak_memory(path, library, case, threads) for case in cases}
    return Growth(cases, timings, memory)


def _run(opened: Any, case: Case) -> Run:
    feeds = {"image": photograph(case.height, case.width), "budget": np.array([case.budget], np.float32)}
    return lambda: opened.run(None, feeds)


def peak_memory(model: Path, library: NativeLibrary, case: Case, threads: int) -> tuple[float, float]:
    """Peak MiB of a process of its own: with the model loaded, and after three runs."""
    given = (model, library.path, case.level.precision, case.height, case.width, case.budget, threads)
    command = [sys.executable, "-m", "benchmarks.peak_memory", *(str(value) for value in given)]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    loaded, peak = (float(value) for value in output.split())
    return loaded, peak


def print_growth(growth: Growth) -> None:
    """A table a line, its fit, and the limits."""
    for line, cases in growth.lines().items():
        constant, slope, error = growth.fit(line)
        print(f"\n{line}: {constant:.2f} ms + {slope:.1f} ms a megapixel, within {error:.1%}")
        for case in cases:
            time, (loaded, peak) = growth.timings.median(case.name), growth.memory[case.name]
            size, spread = f"{case.height}x{case.width}", growth.timings.spread(case.name)
            print(
                f"  {size:>10}{case.megapixels:7.3f} MP{time:9.2f} ms ({spread:4.0%})"
                f"{time / case.megapixels:8.1f} ms/MP{peak:7.0f} MiB, of which the model loaded {loaded:.0f}"
            )
    for limit in growth.limits():
        print(f"  {limit}")
