"""Classes: confusion of predicted with true labels, mean IoU and pixel accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from model_export.data.classes import NYU40_TO_13
from model_export.data.sample import VOID
from model_export.measures.figure import Figure
from model_export.measures.measure import Array, Compare, Doubles, Sums, check_size, ratio

MIOU = "miou"
"""Of own classes, however many: miou40 and miou13 are those of NYUv2."""


@dataclass(frozen=True)
class ClassMeasure:
    """Label maps [H, W] against labels [H, W], VOID where no label is.

    Sums: confusion [..., K, K], pixels by [truth, prediction]. Figures: `miouK`, for the classes of NYUv2
    `miou13` too, both means over the classes present in the truth, and `pixel_accuracy`.
    """

    sums: tuple[str, ...] = ("confusion",)
    figures: tuple[Figure, ...] = (
        Figure(MIOU, "mIoU", roles=("card", "printed"), about="Mean IoU"),
        Figure(
            "miou40", "mIoU 40", "mIoU 40, %",
            roles=("card", "printed", "validated", "quality", "report", "main"), about="Mean IoU, 40 classes",
        ),
        Figure(
            "miou13", "mIoU 13", "mIoU 13, %",
            roles=("card", "printed", "quality", "report"), about="Mean IoU, 13 classes",
        ),
        Figure(
            "pixel_accuracy", "pixel acc.", "pixel acc., %",
            roles=("card", "printed", "validated", "report"), about="Pixel accuracy",
        ),
    )  # fmt: skip

    def prepared(self, target: Array, *, classes: int, metric: bool) -> Compare:
        """As Measure; ValueError for a target or a map with a label beyond the classes."""
        known = target[target != VOID]
        if known.size and known.max() >= classes:
            raise ValueError(f"a label of the truth goes beyond 0..{classes - 1}")
        # Void is one row more of the confusion, dropped later: cheaper than picking the known pixels.
        first_cell = np.minimum(target, classes).astype(np.intp) * classes

        def compare(labels: Array) -> Sums:
            check_size(labels, target)
            if labels.size and not 0 <= labels.min() <= labels.max() < classes:
                raise ValueError(f"a predicted label goes beyond 0..{classes - 1}")
            cells = (first_cell + labels).ravel()
            counts = np.bincount(cells, minlength=classes * (classes + 1))[: classes * classes]
            return {"confusion": counts.astype(np.int32).reshape(classes, classes)}

        return compare

    def values(self, sums: Sums) -> dict[str, Doubles]:
        """As Measure."""
        confusion = sums["confusion"]
        classes = confusion.shape[-1]
        result = {f"miou{classes}": _mean_present(iou_per_class(confusion))}
        if classes == len(NYU40_TO_13):
            result["miou13"] = _mean_present(iou_per_class(merge_classes(confusion, NYU40_TO_13)))
        hits = np.trace(confusion, axis1=-2, axis2=-1)
        return result | {"pixel_accuracy": ratio(hits, confusion.sum((-2, -1)))}

    def with_intervals(self, sums: Sums) -> tuple[str, ...]:
        """As Measure."""
        return (f"miou{sums['confusion'].shape[-1]}",)


def iou_per_class(confusion: Array) -> Doubles:
    """TP / (TP + FP + FN) per class of confusion [..., truth, prediction]; NaN if absent from the truth."""
    hits = np.diagonal(confusion, axis1=-2, axis2=-1).astype(np.float64)
    present = confusion.sum(-1)
    union = present + confusion.sum(-2) - hits
    return np.where(present > 0, hits / np.maximum(union, 1), np.nan)


def merge_classes(confusion: Array, mapping: Sequence[int]) -> Array:
    """The confusion matrix had predictions and labels both been mapped to other classes by `mapping`."""
    member = np.zeros((len(mapping), max(mapping) + 1), confusion.dtype)
    member[np.arange(len(mapping)), list(mapping)] = 1
    merged: Array = member.T @ confusion @ member
    return merged


def _mean_present(values: Doubles) -> Doubles:
    present = np.isfinite(values)
    return ratio(np.where(present, values, 0).sum(-1), present.sum(-1))
