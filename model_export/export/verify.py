"""Verification that torch, numpy reference, function bodies and native library give the same maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from model_export.export.exportable import COMPUTED, ExportableParser
from model_export.export.predictors import (
    OnnxPredictor,
    Outputs,
    Predictor,
    ReferencePredictor,
    TorchPredictor,
)
from model_export.networks.tasks import TASKS

Image = npt.NDArray[np.uint8]

COMPUTED_TOLERANCE = 1e-6
AGREEING_PIXELS = {1.0: 1.0}
AGREEING_BELOW_ONE = 0.98
"""Share of pixels within tolerance. At budget 1 all. Below, a score that rounding moves across the top-k
threshold exchanges two pixels of nearly equal score, which changes the maps around them a little."""


class VerificationError(RuntimeError):
    """Two forms of the network disagree; the message names form, image, budget, output and by how much."""


@dataclass(frozen=True)
class Comparison:
    """One output of one form against torch.

    Attributes:
        form, budget, output: what was compared.
        largest: largest absolute difference.
        agreeing: share of pixels within the output's tolerance.
    """

    form: str
    budget: float
    output: str
    largest: float
    agreeing: float

    @property
    def passed(self) -> bool:
        """Whether enough pixels agree."""
        return self.agreeing >= AGREEING_PIXELS.get(self.budget, AGREEING_BELOW_ONE)

    def __str__(self) -> str:
        verdict = "ok" if self.passed else "FAILED"
        return (
            f"{verdict:6} {self.form:15} budget {self.budget:<5} {self.output:16} "
            f"largest {self.largest:.2e}  within {_tolerance(self.output):g}: {self.agreeing:.4%}"
        )


def _tolerance(output: str) -> float:
    tolerances = {task.output: task.tolerance for task in TASKS.values()}
    return (tolerances | {COMPUTED: COMPUTED_TOLERANCE})[output]


def compare(expected: Outputs, given: Outputs, form: str, budget: float) -> list[Comparison]:
    """One Comparison per output."""
    results = []
    for name in expected:
        difference = np.abs(expected[name] - given[name])
        per_pixel = difference.max(-1) if difference.ndim > 2 else difference
        within = float((per_pixel <= _tolerance(name)).mean())
        results.append(Comparison(form, budget, name, float(difference.max()), within))
    return results


def verify(
    exportable: ExportableParser,
    path: Path,
    images: Sequence[Image],
    budgets: Sequence[float],
    report: Callable[[str], object] = print,
) -> list[Comparison]:
    """Compares all forms on images [H, W, 3] (sides multiples of 32), the reference on a 64x64 part.

    Raises:
        VerificationError: naming every comparison that failed.
    """
    forms: dict[str, Predictor] = {
        "function bodies": OnnxPredictor(path, native=False),
        "native library": OnnxPredictor(path, native=True),
    }
    torch_form = TorchPredictor(exportable)
    reference = ReferencePredictor(path)
    results = []
    for budget in budgets:
        for image in images:
            expected = torch_form(image, budget)
            for form, predictor in forms.items():
                results += compare(expected, predictor(image, budget), form, budget)
        corner = np.ascontiguousarray(images[0][:64, :64])
        results += compare(torch_form(corner, budget), reference(corner, budget), "numpy reference", budget)
    for line in _worst(results):
        report(str(line))
    if failed := [str(result) for result in results if not result.passed]:
        raise VerificationError("forms of the network disagree:\n" + "\n".join(failed))
    return results


def _worst(results: Sequence[Comparison]) -> list[Comparison]:
    """The worst comparison of each (form, budget, output)."""
    worst: dict[tuple[str, float, str], Comparison] = {}
    for result in results:
        key = (result.form, result.budget, result.output)
        if key not in worst or result.agreeing < worst[key].agreeing:
            worst[key] = result
    return list(worst.values())
