"""Galleries: photographs with their maps and computed shares at several budgets.

What is drawn from the data set goes into FOLDER/gallery, which is not committed: its terms do not allow it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import perforated_conv

from model_export.common.sizes import OUTPUT_STRIDE
from model_export.common.writing import replacing
from model_export.data.nyuv2 import NyuV2, open_split
from model_export.evaluation.full_size import full_size
from model_export.export.exportable import COMPUTED
from model_export.export.predictors import OnnxPredictor
from model_export.report import colours
from model_export.report.classes import worst_images
from model_export.report.colours import Floats, Pixels
from model_export.report.samples import Results
from service.model_folder.files import load_manifest
from service.model_folder.geometry import feed, plan_sampling, resample_nearest
from service.model_folder.manifest import MODEL_NAME, ModelManifest
from service.model_folder.operating_point import operating_point

PHOTOGRAPHS = ("coffee", "astronaut", "chelsea", "rocket")
"""Of scikit-image: Rachel Michetti, CC0; NASA, public domain; Stefan van der Walt, CC0; SpaceX, CC0."""
BUDGETS = (1.0, 0.7, 0.5, 0.36)
TEST_IMAGES = 4
WIDTH = 200
QUALITY = 85


@dataclass(frozen=True)
class Pictured:
    """Maps of an image at its own size; share: of the multiply-adds at full size."""

    labels: Pixels
    depth: Floats
    normals: Floats
    computed: Floats
    used_budget: float
    share: float


class Painter:
    """A model folder that draws what it sees."""

    def __init__(self, folder: Path) -> None:
        self.manifest: ModelManifest = load_manifest(folder)
        native = perforated_conv.library_path() is not None
        self._predict = OnnxPredictor(folder / MODEL_NAME, native=native)

    def maps(self, image: Pixels, budget: float) -> Pictured:
        """Of an image [H, W, 3], served as the service would."""
        served = operating_point(self.manifest, budget, *image.shape[:2])
        outputs = self._predict(feed(image, served.resize)[0], served.network_budget)
        maps = full_size(outputs, served.resize, served.scale)
        sampling = plan_sampling(served.resize, "input", OUTPUT_STRIDE)
        return Pictured(
            labels=maps["semantics"],
            depth=maps["depth"],
            normals=maps["normals"],
            computed=resample_nearest(outputs[COMPUTED], sampling),
            used_budget=served.used_budget,
            share=served.share,
        )

    def sheet(self, image: Pixels, budgets: Sequence[float] = BUDGETS) -> Pixels:
        """A row of panels a budget: photograph, classes, depth, normals, computed."""
        return np.vstack([self._row(image, budget) for budget in budgets])

    def _row(self, image: Pixels, budget: float) -> Pixels:
        maps = self.maps(image, budget)
        near, far = (float(end) for end in np.quantile(maps.depth, (0.02, 0.98)))
        panels = [
            (image, f"budget {maps.used_budget:.2g}"),
            (colours.of_classes(maps.labels), "semantics"),
            (colours.of_depth(maps.depth, near, far), f"depth, {near:.2f} to {far:.2f} m"),
            (colours.of_normals(maps.normals), "surface normals"),
            (colours.of_share(maps.computed), f"computed: {maps.share:.1%} in all"),
        ]
        return np.hstack([colours.panel(pixels, title, WIDTH) for pixels, title in panels])


def write(results: Results, model: Path, folder: Path) -> list[Path]:
    """FOLDER/photographs.jpg, and with the data at hand FOLDER/gallery/*.jpg; returns their paths."""
    painter = Painter(model)
    written = [_save(np.vstack([painter.sheet(p) for p in _photographs()]), folder / "photographs.jpg")]
    try:
        split = open_split(results.content()["split"])
    except FileNotFoundError as error:
        print(f"no pictures of test images: {error}")
        return written
    places = np.linspace(0, len(split) - 1, TEST_IMAGES + 2).astype(int)[1:-1]
    written += [_save(painter.sheet(split[p].image), folder / f"gallery/{split.ids[p]}.jpg") for p in places]
    return written + _worst(results, painter, split, folder / "gallery/worst")


def _worst(results: Results, painter: Painter, split: NyuV2, folder: Path) -> list[Path]:
    """The images that go worst: photograph, true classes, classes at the first and the last budget."""
    full = results.front()[0]
    written = []
    for number in worst_images(full):
        id_ = full.evaluation.images[number]
        sample = split[split.ids.index(id_)]
        panels = [(sample.image, f"image {id_}"), (colours.of_classes(sample.labels), "truth")]
        for budget in (BUDGETS[0], BUDGETS[-1]):
            labels = painter.maps(sample.image, budget).labels
            panels.append((colours.of_classes(labels), f"budget {budget:g}"))
        sheet = np.hstack([colours.panel(pixels, title, 2 * WIDTH) for pixels, title in panels])
        written.append(_save(sheet, folder / f"{id_}.jpg"))
    return written


def _photographs() -> list[Pixels]:
    from skimage import data  # noqa: PLC0415 - of the extra dev, needed here alone

    return [np.ascontiguousarray(getattr(data, name)()) for name in PHOTOGRAPHS]


def _save(pixels: Pixels, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    with replacing(path) as partial:
        if not cv2.imwrite(str(partial), bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY]):
            raise OSError(f"cannot write {path}")
    return path
