"""A network to evaluate: a stored one in torch, or an exported one in ONNX Runtime."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from model_export.common.sizes import REFERENCE_SIZE, SIZE_MULTIPLE
from model_export.evaluation import stored
from model_export.evaluation.points import Point
from model_export.export import export
from model_export.export.budget_table import BudgetTable
from model_export.export.exportable import ExportableParser
from model_export.export.predictors import OnnxPredictor, Predictor, TorchPredictor
from service.model_folder.files import load_manifest
from service.model_folder.geometry import plan_scaled
from service.model_folder.manifest import MODEL_NAME, ModelManifest
from service.model_folder.maps import LabelsMap
from service.model_folder.operating_point import operating_point


@dataclass(frozen=True)
class Subject:
    """A network to evaluate.

    Attributes:
        name: of the model folder or of the run.
        file: whose digest names the weights.
        point: requested budget -> the point at which it is served.
        cost: multiply-adds of a point, at the reference size.
        classes: how many; 0 without a map of labels.
        labels: the manifest's entry of that map.
    """

    name: str
    file: Path
    predictor: Predictor
    multiple: int
    point: Callable[[float], Point]
    cost: Callable[[Point], stored.Cost]
    classes: int
    labels: LabelsMap | None = None


def of_model(folder: Path, *, native: bool) -> Subject:
    """An exported model, in ONNX Runtime."""
    manifest = load_manifest(folder)
    predictor = OnnxPredictor(folder / MODEL_NAME, native=native)
    multiple = manifest.input.size_multiple
    labels = next((entry for entry in manifest.maps if isinstance(entry, LabelsMap)), None)
    return Subject(
        manifest.name, folder / MODEL_NAME, predictor, multiple,
        lambda budget: _served_at(manifest, budget), lambda point: _manifest_cost(manifest, point),
        len(labels.classes) if labels else 0, labels,
    )  # fmt: skip


def _served_at(manifest: ModelManifest, budget: float) -> Point:
    served = operating_point(manifest, budget, *manifest.multiply_adds.reference_size)
    return Point(served.scale, served.network_budget)


def of_checkpoint(path: Path, table: BudgetTable | None) -> Subject:
    """A stored network, in torch."""
    exportable = export.load_exportable(path, table)
    return Subject(
        path.parent.name, path, TorchPredictor(exportable), SIZE_MULTIPLE,
        lambda budget: Point(1.0, budget), lambda point: _torch_cost(exportable, point),
        exportable.network.heads.classes,
    )  # fmt: skip


def _manifest_cost(manifest: ModelManifest, point: Point) -> stored.Cost:
    size = manifest.multiply_adds.reference_size
    plan = plan_scaled(*size, manifest.input.size_multiple, point.scale)
    multiply_adds = manifest.multiply_adds_at(point.budget, *plan.padded)
    return stored.Cost(multiply_adds, multiply_adds / manifest.multiply_adds.total)


def _torch_cost(exportable: ExportableParser, point: Point) -> stored.Cost:
    height, width = plan_scaled(*REFERENCE_SIZE, SIZE_MULTIPLE, point.scale).padded
    ratios = exportable.table.lookup(torch.tensor([point.budget]))
    share = exportable.cost.share({name: float(ratio[0]) for name, ratio in ratios.items()})
    share *= height * width / (REFERENCE_SIZE[0] * REFERENCE_SIZE[1])
    return stored.Cost(round(share * exportable.cost.total), share)
