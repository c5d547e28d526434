"""The scale of the image at each budget, chosen on the figures of a grid of scales and gate budgets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from model_export.networks.tasks import figures

MARGIN = 0.001
"""A larger scale has to be better by this much: the smaller one is quicker at the same share."""

Curve = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]


def choose_scales(
    points: Sequence[Mapping[str, Any]], budgets: Sequence[float] | None = None
) -> list[tuple[float, float]]:
    """(budget, scale) rows for the manifest: from each budget on, the scale that serves it best.

    Args:
        points: of a stored evaluation: scale, share of multiply-adds and figures of each.
        budgets: at which a scale is chosen; by hundredths from the smallest share to 1 if not given.

    Raises:
        ValueError: no point has the scale 1, so budget 1 cannot be the whole network.
    """
    curves = _curves(points)
    if 1.0 not in curves:
        raise ValueError("no point has the scale 1, and budget 1 is the whole network on the whole image")
    least = min(shares[0] for shares, _ in curves.values())
    asked = np.array(
        budgets if budgets is not None else [*np.arange(np.ceil(least * 100) / 100, 1, 0.01), 1.0]
    )
    scales = sorted(curves)
    chosen = _rising(np.array([[_quality(curves[scale], budget) for scale in scales] for budget in asked]))
    rows: list[tuple[float, float]] = []
    for budget, index in zip(asked, chosen, strict=True):
        if not rows or rows[-1][1] != scales[index]:
            rows.append((round(float(budget), 4), scales[index]))
    return rows


def _curves(points: Sequence[Mapping[str, Any]]) -> dict[float, Curve]:
    """Scale -> (shares ascending, quality)."""
    curves: dict[float, Curve] = {}
    for scale in sorted({point["scale"] for point in points}):
        rows = sorted((p["share"], _mean_quality(p["figures"])) for p in points if p["scale"] == scale)
        shares, quality = np.array(rows).T
        curves[scale] = shares, quality
    return curves


def _mean_quality(values: Mapping[str, float]) -> float:
    """Mean of the figures of role quality, all of them shares of pixels or classes."""
    known = [values.get(figure.name) for figure in figures("quality")]
    return float(np.mean([value for value in known if value is not None]))


def _quality(curve: Curve, budget: float) -> float:
    """Quality at a share, between points linear; -inf below the least share."""
    shares, quality = curve
    return float(np.interp(budget, shares, quality)) if budget >= shares[0] - 1e-9 else -np.inf


def _rising(quality: npt.NDArray[np.float64]) -> list[int]:
    """For each budget (row) a column, never falling, the last budget at the last column; the sum greatest."""
    budgets, scales = quality.shape
    penalised = quality - MARGIN * np.arange(scales)
    penalised[-1, :-1] = -np.inf
    best = np.full((budgets, scales), -np.inf)
    came = np.zeros((budgets, scales), np.int64)
    best[0] = penalised[0]
    for row in range(1, budgets):
        came[row] = [int(np.argmax(best[row - 1, : column + 1])) for column in range(scales)]
        best[row] = penalised[row] + best[row - 1, came[row]]
    path = [scales - 1]
    for row in range(budgets - 1, 0, -1):
        path.append(int(came[row, path[-1]]))
    return path[::-1]
