"""Accuracy of an answer by the budget it was given, from the manifest's measured curve."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from benchmarks.load.records import Record
from service.model_folder.files import load_manifest
from service.model_folder.manifest import ModelManifest

SPLIT = "test"
FULL = (1.0, 1.0)


class Quality:
    """mIoU at (scale, budget), between the measured budgets of the same scale; beyond them, the last."""

    def __init__(self, points: Mapping[float, list[tuple[float, float]]]) -> None:
        self._points = {scale: sorted(rows) for scale, rows in points.items()}

    @classmethod
    def of(cls, manifest: ModelManifest) -> Quality:
        """The model's curve; nothing is known where the manifest measured nothing."""
        points: dict[float, list[tuple[float, float]]] = defaultdict(list)
        for row in manifest.metrics.splits.get(SPLIT, ()):
            if (miou := row.figure("miou40")) is not None:
                points[row.scale or 1.0].append((row.budget, miou))
        return cls(points)

    def at(self, scale: float, budget: float) -> float | None:
        """mIoU in [0, 1], None where the scale was not measured."""
        rows = self._points.get(scale)
        if not rows:
            return None
        budgets, values = zip(*rows, strict=True)
        return float(np.interp(budget, budgets, values))

    def miou(self, record: Record) -> float | None:
        """Of an answer; an answer without a budget comes from the full network."""
        scale, budget = FULL if record.used is None else (record.scale or 1.0, record.used)
        return self.at(scale, budget)


def model_in(weights: Path) -> tuple[Path, ModelManifest]:
    """Folder and manifest of the only model below `weights`."""
    folders = [path.parent for path in sorted(weights.glob("*/manifest.json"))]
    if len(folders) != 1:
        raise SystemExit(f"{weights} must hold one model; it holds {len(folders)}")
    return folders[0], load_manifest(folders[0])
