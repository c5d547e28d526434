"""The page's part on published figures: the tables of the talk on PAG beside ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from model_export.measures.figure import Figure
from model_export.report.front import networks_table
from model_export.report.markdown import MAIN, MIOU40, NONE, PIXEL_ACCURACY, gain, heading, number, table
from model_export.report.samples import Curve, Results, Sample
from model_export.report.study import Kind

PUBLISHED = Path(__file__).with_name("published.json")
FIGURES = {
    "semantics": (MIOU40, PIXEL_ACCURACY),
    "depth": tuple(Figure(f"delta{k}_aligned", title=f"δ{k} aligned, %") for k in (1, 2, 3)),
    "normals": (
        Figure("normal_mean_degrees", title="mean, °", factor=1.0),
        *(
            Figure(f"normal_within_{end}", title=f"< {end.replace('_', '.')}°, %")
            for end in ("11_25", "22_5", "30")
        ),
    ),
}
"""A table of the talk -> our figures for its columns, in their order."""
PROTOCOLS = """\
The rows of the talk are not measured under our conditions, so only the distance between rows of one origin
says something, never the distance between the two origins:

* data: the talk trains on 795 and tests on 654 images (the official split, all with labels); here 390 images
  have labels for training, and 180 others, all from the official test part, are tested;
* network: the talk's is ResNet-50 at output stride 8; ours is EfficientNet-Lite0, about a twentieth of its
  work;
* depth: the talk has the sensor's metres; our copy has 8 bits of each image's own maximum, so ours is
  compared after alignment of the medians;
* normals: the talk's truth comes with its data; ours is fitted to the 8-bit depth;
* cost: the talk counts FLOPs of the whole network and trains one network a ratio; a budget here is a share of
  one network's multiply-adds at 480x640. The talk's percentages are as printed, though they do not all equal
  FLOPs / 9.63.
"""


def sections(results: Results) -> Iterator[str]:
    """Headings, texts and tables."""
    published = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    multipool = results.of_kind("multipool")
    yield heading(2, "MultiPool, and one network per ratio")
    yield networks_table(multipool)
    yield "Against the first row, paired; + is better:\n"
    yield table(["network", *(figure.title for figure in MAIN)], _against_first(multipool))
    yield from _ratios(results)
    yield heading(2, "The talk's tables beside ours")
    yield f"Source: {published['source']}.\n"
    yield PROTOCOLS
    for name, figures in FIGURES.items():
        yield heading(3, f"MultiPool: {name}")
        yield table(["network", *published[name]["columns"]], _same_task(published[name], figures, multipool))
    yield heading(3, "Parsimony")
    yield table(["talk", *published["parsimony"]["columns"]], _plain_rows(published["parsimony"]))
    yield from _parsimony(results)


def _against_first(samples: list[Sample]) -> Iterator[list[str]]:
    for sample in samples[1:]:
        gains = [gain(figure, sample.measured, samples[0].measured) for figure in MAIN]
        yield [sample.entry.title, *gains]


def _ratios(results: Results) -> Iterator[str]:
    ratios = results.of_kind("ratio")
    if not ratios:
        return
    yield heading(3, "One network for every budget, and one for each ratio")
    yield networks_table(ratios)
    yield (
        "How much better the one network is, its image at full size, where it spends the same multiply-adds; "
        "paired; + is better:\n"
    )
    curve = Curve(results.of_kind("gates") or results.front(), "gmacs")
    rows = []
    for sample in ratios:
        one = curve.at(sample.gmacs)
        rows.append(
            [sample.entry.title, *(NONE if one is None else gain(f, one, sample.measured) for f in MAIN)]
        )
    yield table(["than", *(figure.title for figure in MAIN)], rows)


def _plain_rows(part: dict[str, Any]) -> Iterator[list[str]]:
    for name, values in part["rows"].items():
        yield [name, *(NONE if value is None else f"{value:g}" for value in values)]


def _same_task(part: dict[str, Any], figures: tuple[Figure, ...], ours: list[Sample]) -> Iterator[list[str]]:
    for name, *values in _plain_rows(part):
        yield [f"talk: {name}", *values]
    for sample in ours:
        values = [number(figure, sample.content["figures"][figure.name]) for figure in figures]
        yield [f"ours: {sample.entry.title}", *values]


def _parsimony(results: Results) -> Iterator[str]:
    yield "Ours, at the share of multiply-adds of the network's own:\n"
    kinds: tuple[Kind, ...] = ("truncated", "layer_skip", "identity_skip", "gates", "budgeted")
    ours = [sample for kind in kinds for sample in results.of_kind(kind)]
    iou, accuracy = FIGURES["semantics"]
    rows = (
        [
            each.label,
            f"{each.gmacs:.2f}",
            f"{100 * each.share:.1f}",
            *(number(figure, each.content["figures"][figure.name]) for figure in (iou, accuracy)),
        ]
        for each in ours
    )
    yield table(["ours", "1e9 multiply-adds", "share, %", iou.title, accuracy.title], rows)
