"""The README's picture: one photograph, all maps at three budgets, by the service.

    python -m benchmarks.overview_picture weights/efficientnet_lite0-nyuv2 docs/overview.jpg

The photographs come with scikit-image: coffee (Rachel Michetti, CC0), chelsea (Stefan van der Walt, CC0),
astronaut (NASA, public domain).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.running_service import RunningService, running_service
from benchmarks.split_through_service import parse
from model_export.report import colours
from model_export.writing import replacing
from service.manifest import ModelManifest
from service.model_files import load_manifest

Pixels = NDArray[np.uint8]
BUDGETS = (1.0, 0.7, 0.4)
MAPS = "semantics,depth,normals,computed"
PANEL_WIDTH = 320
MARGIN = 26


def class_colours(labels: NDArray[np.uint8], manifest: ModelManifest) -> Pixels:
    """Palette colours [H, W, 3] of class ids."""
    assert manifest.tasks.semantics is not None, "the model has semantics"
    palette = np.zeros((256, 3), np.uint8)
    for entry in manifest.tasks.semantics.classes:
        palette[entry.id] = entry.color
    return palette[labels]


def computed_colours(computed: NDArray[np.float32]) -> Pixels:
    """Where the gated multiply-adds went, black 0 to white 1."""
    grey = np.rint(255 * computed).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def panel(pixels: Pixels, title: str) -> Pixels:
    """The pixels at the panel's size under a line of text."""
    height = round(PANEL_WIDTH * pixels.shape[0] / pixels.shape[1])
    resized = cv2.resize(pixels, (PANEL_WIDTH, height), interpolation=cv2.INTER_AREA)
    canvas = np.full((height + MARGIN, PANEL_WIDTH + 4, 3), 255, np.uint8)
    canvas[MARGIN:, 2:-2] = resized
    cv2.putText(canvas, title, (6, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
    return canvas


def row(server: RunningService, folder: Path, photograph: Pixels, budget: float) -> Pixels:
    """Panels of one budget side by side."""
    encoded = cv2.imencode(".png", cv2.cvtColor(photograph, cv2.COLOR_RGB2BGR))[1].tobytes()
    with server.client() as client:
        meta, maps = parse(client, encoded, budget, tasks=MAPS)
    used, share = meta["budget"]["used"], meta["budget"]["share"]
    near, far = np.quantile(maps["depth"], (0.02, 0.98))
    panels = [
        panel(photograph, f"photograph, budget {used:g}"),
        panel(class_colours(maps["semantics"], load_manifest(folder)), "semantics"),
        panel(colours.of_depth(maps["depth"], near, far), f"depth, {near:.2f} to {far:.2f} m"),
        panel(colours.of_normals(maps["normals"]), "surface normals"),
        panel(computed_colours(maps["computed"]), f"computed: {share:.1%} of the work"),
    ]
    return np.hstack(panels)


def main() -> None:
    """Runs the command line."""
    from skimage import data  # noqa: PLC0415 - needed here alone

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--photograph", choices=("coffee", "chelsea", "astronaut"), default="coffee")
    arguments = parser.parse_args()
    photograph = np.ascontiguousarray(getattr(data, arguments.photograph)())
    with running_service(arguments.folder.parent) as server:
        rows = [row(server, arguments.folder, photograph, budget) for budget in BUDGETS]
    picture = cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR)
    arguments.picture.parent.mkdir(parents=True, exist_ok=True)
    with replacing(arguments.picture) as partial:
        cv2.imwrite(str(partial), picture, [cv2.IMWRITE_JPEG_QUALITY, 88])
    print(arguments.picture)


if __name__ == "__main__":
    main()
