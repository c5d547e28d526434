"""Predictors: a network in torch, in ONNX Runtime or in onnx's numpy reference, behind one call."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import perforated_conv
import torch
from onnx.reference import ReferenceEvaluator

from model_export.export.exportable import ExportableParser
from model_export.op.reference import OPERATORS

Image = npt.NDArray[np.uint8]
Outputs = dict[str, npt.NDArray[np.float32]]


class Predictor(Protocol):
    """A network: image uint8 [H, W, 3] and budget -> its graph's outputs at stride 8, no batch axis."""

    def __call__(self, image: Image, budget: float, /) -> Outputs: ...


class TorchPredictor:
    """An ExportableParser in torch."""

    def __init__(self, exportable: ExportableParser) -> None:
        self._exportable = exportable.eval()

    @torch.no_grad()
    def __call__(self, image: Image, budget: float, /) -> Outputs:
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

    def __call__(self, image: Image, budget: float, /) -> Outputs:
        values = self.session.run(self._outputs, _feeds(image, budget))
        return {name: value[0] for name, value in zip(self._outputs, values, strict=True)}


class ReferencePredictor:
    """The exported graph with the operators' plain numpy reference: slow, for small images."""

    def __init__(self, path: Path) -> None:
        self._evaluator = ReferenceEvaluator(_without_bodies(path), new_ops=OPERATORS)

    def __call__(self, image: Image, budget: float, /) -> Outputs:
        names = self._evaluator.output_names
        values = self._evaluator.run(names, _feeds(image, budget))
        return {name: np.asarray(value)[0] for name, value in zip(names, values, strict=True)}


def _feeds(image: Image, budget: float) -> dict[str, npt.NDArray[np.generic]]:
    return {"image": image[None], "budget": np.array([budget], np.float32)}


def _without_bodies(path: Path) -> onnx.ModelProto:
    # onnx.reference prefers a model-local function to an operator class of ours.
    model = onnx.load(path)
    del model.functions[:]
    for node in model.graph.node:
        node.overload = ""
    return model
