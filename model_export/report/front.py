"""The page's part on the budgeted network: its front, its losses, its peers at equal cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from model_export.evaluation.compare import difference
from model_export.report.markdown import ALL, MAIN, MIOU40, NONE, gain, heading, table, with_interval
from model_export.report.samples import AXES, Axis, Curve, Results, Sample

TARGETS = {0.93: 0.2, 0.86: 0.3, 0.68: 0.7, 0.5: 1.5, 0.36: 2.5}
"""Budget -> points of mIoU that it may cost."""
NEAR = 0.02
"""A target holds for the served budget that is this close to its own."""


def sections(results: Results) -> Iterator[str]:
    """Headings, texts and tables."""
    front = results.front()
    yield heading(2, "The budgeted network")
    yield "Each budget is one network's own; nothing is loaded or trained for it.\n"
    yield table(["budget", *_COST, *(figure.title for figure in ALL)], (_row(each) for each in front))
    yield heading(3, "What a budget costs in quality")
    yield (
        "Against budget 1; + is better than budget 1. Intervals are paired: both sides are resampled on "
        "the same images. A target is met when the loss is no larger, surely met when its interval's worse "
        "end is no larger either.\n"
    )
    yield table(["budget", *(figure.title for figure in MAIN), "target mIoU 40", "met"], _losses(front))
    yield heading(2, "Peers at equal cost")
    yield (
        "How much better the budgeted network is than its peers where these cost the same: their figures "
        "are interpolated between their points. Where no peer's point is as cheap or as dear, there is "
        f"nothing to compare with ({NONE}).\n"
    )
    for axis, name in AXES.items():
        yield heading(3, f"At equal {'measured time' if axis == 'milliseconds' else 'multiply-adds'}")
        yield table(
            ["budget", name, "against", *(figure.title for figure in MAIN)],
            _against(results, front, axis),
        )


_COST = ("scale", "share", "1e9 multiply-adds", "ms")


def cost(sample: Sample) -> list[str]:
    """Cells for _COST."""
    return [
        f"{sample.point.scale:g}",
        f"{sample.share:.3f}",
        f"{sample.gmacs:.2f}",
        f"{sample.milliseconds:.2f}",
    ]


def networks_table(samples: Sequence[Sample]) -> str:
    """One row a sample, by its network's title."""
    rows = ([each.entry.title, *_row(each)[1:]] for each in samples)
    return table(["network", *_COST, *(figure.title for figure in ALL)], rows)


def _row(sample: Sample) -> list[str]:
    figures = [with_interval(figure, sample.content) for figure in ALL]
    return [f"{sample.requested:.3g}", *cost(sample), *figures]


def _losses(front: Sequence[Sample]) -> Iterator[list[str]]:
    full = front[0]
    for sample in front[1:]:
        gains = [gain(figure, sample.measured, full.measured) for figure in MAIN]
        yield [f"{sample.requested:.3g}", *gains, *_target(sample, full)]


def _target(sample: Sample, full: Sample) -> list[str]:
    target = next(
        (points for budget, points in TARGETS.items() if abs(budget - sample.requested) < NEAR), None
    )
    if target is None:
        return [NONE, NONE]
    a, b = full.measured, sample.measured
    loss, _, worst = (MIOU40.factor * part for part in difference(a, b, MIOU40.name))
    met = "no" if loss > target else "surely" if worst <= target else "yes"
    return [f"-{target:g}", met]


def _against(results: Results, front: Sequence[Sample], axis: Axis) -> Iterator[list[str]]:
    curves = {title: Curve(results.of_kind(kind), axis) for kind, title in results.study.lines().items()}
    for sample in front:
        at = float(getattr(sample, axis))
        for title, curve in curves.items():
            peer = curve.at(at)
            gains = [NONE if peer is None else gain(figure, sample.measured, peer) for figure in MAIN]
            yield [f"{sample.requested:.3g}", f"{at:.2f}", title, *gains]
