"""Quality of dense parsing, accumulated image by image: semantics, depth, surface normals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

VOID = 255
_DELTAS = (1.25, 1.25**2, 1.25**3)
_ANGLES = {"normal_within_11_25": 11.25, "normal_within_22_5": 22.5, "normal_within_30": 30.0}
_BINS_A_DEGREE = 100

Labels = npt.NDArray[np.integer]
Floats = npt.NDArray[np.floating]
Counts = npt.NDArray[np.int64]


def iou_per_class(confusion: Counts) -> npt.NDArray[np.float64]:
    """TP / (TP + FP + FN) per class of confusion [truth, prediction]; NaN where absent from the truth."""
    hits = np.diag(confusion).astype(np.float64)
    present = confusion.sum(1)
    union = present + confusion.sum(0) - hits
    return np.where(present > 0, hits / np.maximum(union, 1), np.nan)


def merge_classes(confusion: Counts, mapping: Sequence[int], count: int) -> Counts:
    """The confusion matrix had predictions and labels both been mapped to `count` classes by `mapping`."""
    member = np.zeros((len(mapping), count), np.int64)
    member[np.arange(len(mapping)), list(mapping)] = 1
    merged: Counts = member.T @ confusion @ member
    return merged


class SemanticMetrics:
    """Confusion matrix over all images; void pixels count nowhere, not as false positives either.

    classes: number of classes; groups: name of a further figure -> class id of each class in a coarser set
    (e.g. {"miou13": NYU40_TO_13}).
    """

    def __init__(self, classes: int = 40, groups: dict[str, Sequence[int]] | None = None) -> None:
        self.confusion: Counts = np.zeros((classes, classes), np.int64)
        self._groups = groups or {}

    def update(self, prediction: Labels, truth: Labels) -> None:
        """Class ids, equal shapes of any rank; truth may hold 255 = void. ValueError for other ids."""
        if prediction.shape != truth.shape:
            raise ValueError(f"prediction {prediction.shape} and truth {truth.shape} differ in shape")
        classes = len(self.confusion)
        known = truth != VOID
        pairs = np.stack([truth[known], prediction[known]]).astype(np.int64)
        if pairs.size and not 0 <= pairs.min() <= pairs.max() < classes:
            raise ValueError(f"class ids go beyond 0..{classes - 1}")
        cells = pairs[0] * classes + pairs[1]
        self.confusion += np.bincount(cells, minlength=classes**2).reshape(classes, classes)

    def result(self) -> dict[str, float]:
        """`miou<classes>`, one mIoU a group and `pixel_accuracy`, in [0, 1]; NaN without a labelled pixel.

        mIoU is the mean over the classes present in the truth of all images so far.
        """
        figures = {f"miou{len(self.confusion)}": _mean(iou_per_class(self.confusion))}
        for name, mapping in self._groups.items():
            figures[name] = _mean(iou_per_class(merge_classes(self.confusion, mapping, max(mapping) + 1)))
        total = int(self.confusion.sum())
        figures["pixel_accuracy"] = float(np.trace(self.confusion)) / total if total else float("nan")
        return figures


class DepthMetrics:
    """Errors of depth over all valid pixels of all images (pooled, not averaged by image)."""

    def __init__(self) -> None:
        self._metric = _DepthSums()
        self._aligned = _DepthSums()

    def update(self, prediction: Floats, truth: Floats, metric: bool) -> None:
        """One image: depths [H, W], truth 0 = invalid; metric: whether truth is trusted as metres.

        Every image enters the aligned figures, with its prediction multiplied by median(truth) /
        median(prediction) over valid pixels; only metric ones enter the plain figures.
        """
        if prediction.shape != truth.shape:
            raise ValueError(f"prediction {prediction.shape} and truth {truth.shape} differ in shape")
        valid = truth > 0
        if not valid.any():
            return
        expected = truth[valid].astype(np.float64)
        given = np.maximum(prediction[valid].astype(np.float64), 1e-6)
        self._aligned.add(given * (np.median(expected) / np.median(given)), expected)
        if metric:
            self._metric.add(given, expected)

    def result(self) -> dict[str, float]:
        """`delta1..3` (share with max(p/t, t/p) < 1.25^k), `rmse` (metres), `abs_rel`; each also `_aligned`.

        NaN where no image counted. `rmse_aligned` is in the unit of the truth, whose scale may be off.
        """
        aligned = {f"{name}_aligned": value for name, value in self._aligned.result().items()}
        return {**self._metric.result(), **aligned}


class _DepthSums:
    def __init__(self) -> None:
        self._count = 0
        self._within = np.zeros(len(_DELTAS))
        self._squared = 0.0
        self._relative = 0.0

    def add(self, given: npt.NDArray[np.float64], expected: npt.NDArray[np.float64]) -> None:
        ratio = np.maximum(given / expected, expected / given)
        self._count += given.size
        self._within += [np.count_nonzero(ratio < delta) for delta in _DELTAS]
        self._squared += float(np.square(given - expected).sum())
        self._relative += float((np.abs(given - expected) / expected).sum())

    def result(self) -> dict[str, float]:
        count = self._count or float("nan")
        deltas = {f"delta{k + 1}": float(within / count) for k, within in enumerate(self._within)}
        return {**deltas, "rmse": float(np.sqrt(self._squared / count)), "abs_rel": self._relative / count}


class NormalMetrics:
    """Angle between predicted and true normals over all valid pixels of all images."""

    def __init__(self) -> None:
        self._histogram: Counts = np.zeros(180 * _BINS_A_DEGREE + 1, np.int64)
        self._sum = 0.0
        self._within = dict.fromkeys(_ANGLES, 0)

    def update(self, prediction: Floats, truth: Floats) -> None:
        """Vectors [..., 3], equal shapes; truth unit or zero = invalid, prediction of any length but zero."""
        if prediction.shape != truth.shape:
            raise ValueError(f"prediction {prediction.shape} and truth {truth.shape} differ in shape")
        valid = np.square(truth).sum(-1) > 0.25
        angles = _angles(prediction[valid].astype(np.float64), truth[valid].astype(np.float64))
        bins = np.rint(angles * _BINS_A_DEGREE).astype(np.int64)
        self._histogram += np.bincount(bins, minlength=len(self._histogram))
        self._sum += float(angles.sum())
        for name, limit in _ANGLES.items():
            self._within[name] += int(np.count_nonzero(angles < limit))

    def result(self) -> dict[str, float]:
        """`normal_mean_degrees`, `normal_median_degrees` (to 0.01), shares `normal_within_*`; NaN if none."""
        total = int(self._histogram.sum())
        count = total or float("nan")
        median = np.searchsorted(np.cumsum(self._histogram), total / 2) / _BINS_A_DEGREE if total else np.nan
        shares = {name: within / count for name, within in self._within.items()}
        return {"normal_mean_degrees": self._sum / count, "normal_median_degrees": float(median), **shares}


def _angles(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Degrees between vectors [N, 3]; by atan2, which stays exact near 0 and 180 where acos does not."""
    cross = np.linalg.norm(np.cross(a, b), axis=-1)
    return np.asarray(np.degrees(np.arctan2(cross, (a * b).sum(-1))))


def _mean(values: npt.NDArray[np.float64]) -> float:
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")
