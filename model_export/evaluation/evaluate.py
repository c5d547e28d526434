"""Quality of a network on a data split, per budget, through torch or through the exported file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt
import onnxruntime
import perforated_conv
import torch
from tqdm import tqdm

from model_export.data.classes import NYU40, NYU40_TO_13
from model_export.data.loader import Samples
from model_export.data.sample import Sample
from model_export.evaluation.metrics import DepthMetrics, NormalMetrics, SemanticMetrics
from model_export.export.exportable import OUTPUTS, ExportableParser

Maps = dict[str, npt.NDArray[np.float32]]


class Predictor(Protocol):
    """A network: image uint8 [H, W, 3] and budget -> exportable.OUTPUTS at stride 8, without a batch axis."""

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

    def __call__(self, image: npt.NDArray[np.uint8], budget: float, /) -> Maps:
        feeds = {"image": image[None], "budget": np.array([budget], np.float32)}
        values = self.session.run(list(OUTPUTS), feeds)
        return {name: value[0] for name, value in zip(OUTPUTS, values, strict=True)}


class SplitMetrics:
    """Semantics, depth and normals of one budget, at the images' own resolution."""

    def __init__(self) -> None:
        self.semantics = SemanticMetrics(len(NYU40), {"miou13": NYU40_TO_13})
        self.depth = DepthMetrics()
        self.normals = NormalMetrics()

    def update(self, maps: Maps, sample: Sample) -> None:
        """One image's maps at stride 8, brought to full resolution, against its targets."""
        self.update_full(labels_at(maps["semantic_logits"], sample), _resize(maps["depth"], sample),
                         _resize(maps["normals"], sample), sample)  # fmt: skip

    def update_full(
        self,
        labels: npt.NDArray[np.integer],
        depth: npt.NDArray[np.float32],
        normals: npt.NDArray[np.float32],
        sample: Sample,
    ) -> None:
        """One image's maps [H, W], [H, W], [H, W, 3] at the targets' resolution."""
        self.semantics.update(labels, sample.labels)
        self.depth.update(depth, sample.depth, sample.depth_metric)
        self.normals.update(normals, sample.normals)

    def result(self) -> dict[str, float]:
        """Every figure by name."""
        return self.semantics.result() | self.depth.result() | self.normals.result()


def labels_at(logits: npt.NDArray[np.float32], sample: Sample) -> npt.NDArray[np.intp]:
    """Class ids [H, W] by bilinear interpolation of the logits [h, w, K], half-pixel centres."""
    return np.asarray(_resize(logits, sample).argmax(-1))


def _resize(values: npt.NDArray[np.float32], sample: Sample) -> npt.NDArray[np.float32]:
    height, width = sample.image.shape[:2]
    return np.asarray(cv2.resize(values, (width, height), interpolation=cv2.INTER_LINEAR))


def evaluate(
    predictor: Predictor, samples: Samples, budgets: Sequence[float], *, progress: bool = True
) -> dict[float, dict[str, float]]:
    """Budget -> figure -> value over all samples; depths and normals also of images without labels."""
    metrics = {budget: SplitMetrics() for budget in budgets}
    for position in tqdm(range(len(samples)), desc="evaluate", unit="image", disable=not progress):
        sample = samples[position]
        for budget, figures in metrics.items():
            figures.update(predictor(sample.image, budget), sample)
    return {budget: figures.result() for budget, figures in metrics.items()}
