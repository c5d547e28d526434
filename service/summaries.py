"""Summaries of maps in place of their pixels: shares and regions of classes, ranges of quantities."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from service.model_folder.maps import MapEntry
from service.schemas.parse import ClassSummary, MapSummary, Region, RunLengths

# Connected pieces of a class that are smaller, as a share of all pixels, have no box of their own.
LEAST_PIECE = 0.001
DIGITS = 4


def summarise(entry: MapEntry, values: NDArray[Any], *, regions: bool) -> MapSummary:
    """What can be said of a map [H,W] or [H,W,3] in a few numbers; `regions`: where each class is, too."""
    return SUMMARIES[entry.kind](entry, values, regions)


def _labels(entry: Any, values: NDArray[Any], regions: bool) -> MapSummary:
    counts = np.bincount(values.ravel(), minlength=256)
    runs = _runs(values) if regions else None
    seen = sorted((each for each in entry.classes if counts[each.id]), key=lambda each: -counts[each.id])
    return MapSummary(
        classes=[
            ClassSummary(
                id=each.id,
                name=each.name,
                share=_rounded(counts[each.id] / values.size),
                region=None if runs is None else _region(values, each.id, runs),
            )
            for each in seen
        ],
        void_share=_rounded(counts[entry.void] / values.size),
    )


def _quantity(_: Any, values: NDArray[Any], __: bool) -> MapSummary:
    known = values[np.isfinite(values)]
    share = _rounded(known.size / values.size)
    if not known.size:
        return MapSummary(known_share=share)
    low, middle, high = (_rounded(value) for value in np.percentile(known, (0, 50, 100)))
    return MapSummary(minimum=low, median=middle, maximum=high, known_share=share)


def _vectors(_: Any, values: NDArray[Any], __: bool) -> MapSummary:
    return MapSummary(mean=[_rounded(value) for value in values.reshape(-1, 3).mean(0, dtype=np.float64)])


# Of each kind of map.
SUMMARIES: dict[str, Callable[[Any, NDArray[Any], bool], MapSummary]] = {
    "labels": _labels,
    "probability": _quantity,
    "metric": _quantity,
    "vectors": _vectors,
    "share": _quantity,
}

Runs = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint8]]


def _runs(labels: NDArray[np.uint8]) -> Runs:
    """Start and end of each run of equal labels, column after column, and its label."""
    columns = labels.ravel(order="F")
    starts = np.concatenate([[0], np.flatnonzero(columns[1:] != columns[:-1]) + 1])
    return starts, np.append(starts[1:], columns.size), columns[starts]


def _region(labels: NDArray[np.uint8], label: int, runs: Runs) -> Region:
    starts, ends, found = runs
    own = found == label
    counts = np.diff(np.stack([starts[own], ends[own]], 1).ravel(), prepend=0, append=labels.size)
    boxes = list(_boxes(labels == label))
    left, top = min(box[0] for box in boxes), min(box[1] for box in boxes)
    right, bottom = max(box[0] + box[2] for box in boxes), max(box[1] + box[3] for box in boxes)
    least = LEAST_PIECE * labels.size
    pieces = sorted((box for box in boxes if box[4] >= least), key=lambda box: -box[4])
    return Region(
        area=int((ends - starts)[own].sum()),
        bbox=(left, top, right - left, bottom - top),
        pieces=[box[:4] for box in pieces],
        segmentation=RunLengths(size=labels.shape, counts=counts.tolist()),
    )


def _boxes(mask: NDArray[np.bool_]) -> Iterator[tuple[int, int, int, int, int]]:
    """Left, top, width, height and pixels of each connected piece."""
    _, _, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    for piece in statistics[1:].tolist():
        yield tuple(piece)


def _rounded(value: float) -> float:
    return round(float(value), DIGITS)
