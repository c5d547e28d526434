"""The page's part on classes, confusions and the worst images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from model_export.evaluation.statistics import Statistics, figures_of
from model_export.measures.classes import iou_per_class
from model_export.report.markdown import (
    DELTA1_ALIGNED,
    NONE,
    NORMALS_MEAN,
    PIXEL_ACCURACY,
    heading,
    number,
    table,
)
from model_export.report.samples import Results, Sample

CONFUSIONS = 15
WORST = 8


def sections(results: Results) -> Iterator[str]:
    """Headings, texts and tables."""
    front, classes = results.front(), results.content()["classes"]
    yield heading(2, "Classes")
    budgets = [f"IoU at {sample.requested:.3g}" for sample in front]
    yield table(["class", "pixels, %", *budgets], _classes(front, classes))
    yield heading(3, "What is taken for what")
    yield (
        f"The {CONFUSIONS} confusions with the most pixels, at budget {front[0].requested:.3g} and at "
        f"{front[-1].requested:.3g}: share of all labelled pixels, and of the true class's.\n"
    )
    yield table(
        ["truth", "taken for", "all pixels, %", "of the class, %", "at the least budget: all pixels, %"],
        _confusions(front, classes),
    )
    yield heading(2, "What failed")
    at = f"at budget {front[0].requested:.3g}"
    yield f"The {WORST} images with the lowest mIoU of their own classes, {at}.\n"
    head = ["image", "its mIoU, %", *(figure.title for figure in _OF_IMAGE), "largest confusion"]
    yield table(head, _worst_rows(front[0], classes))
    if results.study.failures:
        yield (results.folder / results.study.failures).read_text(encoding="utf-8").strip() + "\n"


_OF_IMAGE = (PIXEL_ACCURACY, DELTA1_ALIGNED, NORMALS_MEAN)


def worst_images(sample: Sample) -> list[int]:
    """Numbers of the WORST images, the worst first, by the mean IoU of the classes in their truth."""
    ious = iou_per_class(_confusion(sample.evaluation.at(sample.point)))
    present = np.isfinite(ious)
    means = np.where(present, ious, 0).sum(-1) / np.maximum(present.sum(-1), 1)
    labelled = np.flatnonzero(present.any(-1))
    order: list[int] = labelled[np.argsort(means[labelled], kind="stable")][:WORST].tolist()
    return order


def _classes(front: Sequence[Sample], classes: Sequence[str]) -> Iterator[list[str]]:
    confusion = _pooled(front[0])
    pixels = confusion.sum(1) / confusion.sum()
    for place in np.argsort(-pixels, kind="stable"):
        ious = [sample.content["iou"][place] for sample in front]
        cells = [NONE if iou is None else f"{100 * iou:.1f}" for iou in ious]
        yield [classes[place], f"{100 * pixels[place]:.2f}", *cells]


def _confusions(front: Sequence[Sample], classes: Sequence[str]) -> Iterator[list[str]]:
    most, least = _pooled(front[0]), _pooled(front[-1])
    for truth, taken in _largest(most, CONFUSIONS):
        yield [
            classes[truth],
            classes[taken],
            f"{100 * most[truth, taken] / most.sum():.2f}",
            f"{100 * most[truth, taken] / most[truth].sum():.1f}",
            f"{100 * least[truth, taken] / least.sum():.2f}",
        ]


def _largest(confusion: npt.NDArray[Any], count: int) -> list[tuple[int, int]]:
    """(truth, prediction) of the largest cells beside the diagonal."""
    errors = confusion.copy()
    np.fill_diagonal(errors, 0)
    order = np.argsort(-errors.ravel(), kind="stable")[:count]
    return [divmod(int(cell), len(errors)) for cell in order if errors.ravel()[cell]]


def _worst_rows(sample: Sample, classes: Sequence[str]) -> Iterator[list[str]]:
    statistics = sample.evaluation.at(sample.point)
    for place in worst_images(sample):
        alone = statistics[[place]]
        figures = figures_of(alone)
        confusion = _confusion(alone)[0]
        largest = _largest(confusion, 1)
        words = [
            f"{classes[t]} → {classes[p]}, {100 * confusion[t, p] / confusion.sum():.0f} %"
            for t, p in largest
        ]
        own = 100 * float(np.nanmean(iou_per_class(confusion)))
        cells = [number(figure, figures[figure.name]) for figure in _OF_IMAGE]
        yield [sample.evaluation.images[place], f"{own:.1f}", *cells, *(words or [NONE])]


def _pooled(sample: Sample) -> npt.NDArray[np.int64]:
    return np.asarray(_confusion(sample.evaluation.at(sample.point)).sum(0), np.int64)


def _confusion(statistics: Statistics) -> npt.NDArray[Any]:
    return statistics.sums["confusion"]
