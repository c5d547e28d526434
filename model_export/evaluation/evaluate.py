"""Quality of a network on a data split at several points, through torch or through the exported file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import onnxruntime
import perforated_conv
import torch
from tqdm import tqdm

from model_export.data.classes import NYU40
from model_export.data.loader import Samples
from model_export.data.sample import Sample
from model_export.evaluation.contribution import Targets
from model_export.evaluation.labels import upsampled_labels
from model_export.evaluation.metrics import Statistics, figures_of, stacked
from model_export.evaluation.points import Fit, Point
from model_export.export.exportable import ExportableParser
from model_export.networks.parser import SIZE_MULTIPLE

Floats = npt.NDArray[np.float32]
Maps = dict[str, Floats]


class Predictor(Protocol):
    """A network: image uint8 [H, W, 3] and budget -> its exportable.OUTPUTS at stride 8, no batch axis."""

    def __call__(self, image: npt.NDArray[np.uint8], budget: float, /) -> Maps: ...


class TorchPredictor:
    """An ExportableParser in torch."""

    def __init__(self, exportable: ExportableParser) -> None:
        self._exportable = exportable.eval()

    @torch.no_grad()
    def __call__(self, image: npt.NDArray[np.uint8], budget: float, /) -> Maps:
        outputs = self._exportable(torch.from_numpy(image)[None], torch.tensor([budget]))
        return {name: value[0].numpy() for name, value in outputs.items()}


class OnnxPredictor:
    """An exported model in ONNX Runtime.

    Args:
        path: of the .onnx file.
        native: register the native library (it must be built), else run the function bodies.
        threads: intra-op.

    Raises:
        FileNotFoundError: native, and the library is not built.
    """

    def __init__(self, path: Path, *, native: bool = True, threads: int = 2) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        if native:
            library = perforated_conv.library_path()
            if library is None:
                raise FileNotFoundError("the native library is not built: run make setup")
            options.register_custom_ops_library(str(library))
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self._outputs = [output.name for output in self.session.get_outputs()]

    def __call__(self, image: npt.NDArray[np.uint8], budget: float, /) -> Maps:
        feeds = {"image": image[None], "budget": np.array([budget], np.float32)}
        values = self.session.run(self._outputs, feeds)
        return {name: value[0] for name, value in zip(self._outputs, values, strict=True)}


@dataclass(frozen=True)
class Evaluation:
    """What the images contributed at each point.

    Attributes:
        points: in the order asked for.
        images: ids.
        statistics: leading axes [points, images].
    """

    points: tuple[Point, ...]
    images: tuple[str, ...]
    statistics: Statistics

    def at(self, point: Point) -> Statistics:
        """Leading axis [images]. Raises KeyError for a point that was not evaluated."""
        if point not in self.points:
            raise KeyError(f"{point} was not evaluated, there are {', '.join(map(str, self.points))}")
        return self.statistics[self.points.index(point)]

    def figures(self, point: Point) -> dict[str, float]:
        """Every figure of metrics.figures over all images."""
        return figures_of(self.at(point))


class SplitMetrics:
    """Figures of maps that came at the images' own resolution, gathered image by image."""

    def __init__(self) -> None:
        self._parts: list[Statistics] = []

    def update_full(
        self,
        labels: npt.NDArray[np.integer],
        depth: npt.NDArray[np.float32],
        normals: npt.NDArray[np.float32],
        sample: Sample,
    ) -> None:
        """One image's maps [H, W], [H, W], [H, W, 3] at the targets' resolution."""
        self._parts.append(Targets(sample).compare(labels, depth, normals))

    def result(self) -> dict[str, float]:
        """Every figure by name."""
        return figures_of(stacked(self._parts))


def evaluate(
    predictor: Predictor,
    samples: Samples,
    points: Sequence[Point],
    *,
    multiple: int = SIZE_MULTIPLE,
    classes: int = len(NYU40),
    progress: bool = True,
) -> Evaluation:
    """All samples at all points; depths and normals also of images without labels.

    multiple: of both sides of what the network is fed; classes: of the samples' labels.
    """
    rows = []
    for position in tqdm(range(len(samples)), desc="evaluate", unit="image", disable=not progress):
        sample = samples[position]
        targets = Targets(sample, classes)
        rows.append(stacked([_contribution(predictor, sample, targets, point, multiple) for point in points]))
    images = getattr(samples, "ids", None) or [str(position) for position in range(len(samples))]
    by_point = Statistics(**{name: np.swapaxes(a, 0, 1) for name, a in stacked(rows).arrays().items()})
    return Evaluation(tuple(points), tuple(images), by_point)


def of_scaled_camera(depth: Floats, normals: Floats, scale: float) -> tuple[Floats, Floats]:
    """Depth [h, w] and normals [h, w, 3] (of any length) of an image that was fed at `scale` of its size.

    A network knows one camera. By it a smaller image shows the scene farther away, its z stretched by
    1 / scale, and a plane's normal (a, b, c) as (a, b, scale c): as transforms.warp taught it, undone here.
    """
    return _depth_of_scaled(depth, scale), _normals_of_scaled(normals, scale)


def _depth_of_scaled(depth: Floats, scale: float) -> Floats:
    return depth if scale == 1 else depth * np.float32(scale)


def _normals_of_scaled(normals: Floats, scale: float) -> Floats:
    return normals if scale == 1 else normals * np.array([scale, scale, 1], np.float32)


def _contribution(
    predictor: Predictor, sample: Sample, targets: Targets, point: Point, multiple: int
) -> Statistics:
    height, width = sample.image.shape[:2]
    fit = Fit.of((height, width), point.scale, multiple)
    maps = predictor(fit.feed(sample.image), point.budget)
    labels = upsampled_labels(maps["semantic_logits"], fit) if "semantic_logits" in maps else None
    unscaled = {"depth": _depth_of_scaled, "normals": _normals_of_scaled}
    geometry = {
        name: fit.resample(undo(maps[name], point.scale)) for name, undo in unscaled.items() if name in maps
    }
    return targets.compare(labels, **geometry)
