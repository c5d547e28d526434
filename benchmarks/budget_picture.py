"""The guide's picture: where the compute went at four budgets, and what each budget buys.

python -m benchmarks.budget_picture docs/guide/budget.jpg
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import cv2
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from benchmarks.common import parser_of
from benchmarks.running_service import running_service
from model_export.common.writing import replacing
from pag import Client, Parsing
from service.model_folder.files import load_manifest
from service.model_folder.manifest import ModelManifest
from service.model_folder.operating_point import operating_point

MODEL = Path("weights/efficientnet_lite0-nyuv2")
PHOTOGRAPH = Path("service/page/samples/room.jpg")
BUDGETS = (1.0, 0.5, 0.36, 0.2)
CURVE = np.linspace(0.07, 1, 187)


def lit(photograph: NDArray[np.uint8], parsing: Parsing) -> NDArray[np.uint8]:
    """The photograph [H, W, 3], dark where little of the gated work was done."""
    assert parsing.computed is not None
    light = 0.12 + 0.88 * parsing.computed[..., None]
    return np.asarray(np.rint(photograph * light), np.uint8)


def draw_shares(axes: Axes, manifest: ModelManifest) -> None:
    """Stacked shares of multiply-adds against the budget, and the accuracy on the test split."""
    points = [operating_point(manifest, budget, *manifest.multiply_adds.reference_size) for budget in CURVE]
    whole = manifest.multiply_adds
    always = whole.always / whole.total / math.prod(whole.reference_size)
    floors = np.array([always * math.prod(point.resize.padded) for point in points])
    shares = np.array([point.share for point in points])
    axes.fill_between(CURVE, 0, floors, color="0.35", label="always computed")
    axes.fill_between(CURVE, floors, shares, color="#d98c21", label="computed where gates chose")
    axes.plot(
        CURVE,
        [point.scale for point in points],
        color="#2b6cb0",
        drawstyle="steps-post",
        label="scale per side",
    )
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=0.8, linestyle=":")
    rows = manifest.metrics.splits["test"]
    miou = [(row.budget, row.figure("miou40")) for row in rows if row.figure("miou40") is not None]
    axes.plot(*zip(*miou, strict=True), "o-", color="#2f855a", markersize=3, label="mIoU, 40 classes")
    axes.set(xlabel="budget", xlim=(0, 1), ylim=(0, 1.02), title="what a budget buys")
    axes.legend(loc="upper left", fontsize=8, framealpha=0.9)


def draw(photograph: NDArray[np.uint8], parsings: list[Parsing], path: Path) -> None:
    """The picture, written as a whole or not at all."""
    figure = plt.figure(figsize=(11, 4.4), layout="constrained")
    grid = figure.add_gridspec(2, 4)
    for place, parsing in enumerate(parsings):
        axes = figure.add_subplot(grid[place // 2, place % 2])
        axes.imshow(lit(photograph, parsing))
        spent = parsing.budget
        axes.set_title(
            f"budget {spent.requested:g}: scale {spent.scale:g}, share {spent.share:.2f}", fontsize=9
        )
        axes.set_axis_off()
    draw_shares(figure.add_subplot(grid[:, 2:]), load_manifest(MODEL))
    with replacing(path) as partial:
        figure.savefig(partial, format="jpg", dpi=120, pil_kwargs={"quality": 85})
    plt.close(figure)


def main() -> None:
    """Runs the command line."""
    parser = parser_of(__doc__)
    parser.add_argument("picture", type=Path)
    picture = parser.parse_args().picture
    pixels: Any = cv2.imread(str(PHOTOGRAPH))
    photograph = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8)
    with running_service(MODEL.parent) as server, Client(server.url) as client:
        parsings = [
            client.parse(
                photograph, budget=budget, min_budget=budget, maps=["semantics", "computed"], size="input"
            )
            for budget in BUDGETS
        ]
    draw(photograph, parsings, picture)
    print(picture)


if __name__ == "__main__":
    main()
