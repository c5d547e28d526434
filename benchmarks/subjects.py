"""The networks to time: the shipped one, and a PAG-ResNet-50 with random weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

from benchmarks.photograph import photograph
from model_export.export.exportable import ExportableParser
from model_export.export.onnx_model import to_onnx
from model_export.networks.build import build
from model_export.networks.layers import PerforatedConv2d
from model_export.networks.parser import DenseParser
from model_export.networks.pixels import normalise
from service.model_folder.files import load_manifest
from service.model_folder.manifest import MODEL_NAME

SIZE = (480, 640)
SHIPPED = Path("weights/efficientnet_lite0-nyuv2")
BUDGETS = (1.0, 0.9, 0.85, 0.7, 0.5)
GATE_RATIOS = (0.9, 0.7, 0.5, 0.3)


@dataclass(frozen=True)
class Setting:
    """One operating point: its label, the budget requested, the exact share of multiply-adds."""

    label: str
    budget: float
    share: float


@dataclass(frozen=True)
class Subject:
    """A network, exported, and the settings to time it at; the first is budget 1.

    Attributes:
        gmacs: 1e9 multiply-adds of the full network.
        network: in torch, where it is at hand.
    """

    name: str
    model: onnx.ModelProto
    settings: tuple[Setting, ...]
    gmacs: float
    network: DenseParser | None = None


def shipped(folder: Path = SHIPPED) -> Subject:
    """The model folder's network at BUDGETS and at its floor."""
    manifest = load_manifest(folder)
    budgets = [*BUDGETS, manifest.gates_floor]
    settings = tuple(Setting(f"budget {b:.2g}", b, manifest.share(b, *SIZE)) for b in budgets)
    gmacs = manifest.multiply_adds_at(1, *SIZE) * 1e-9
    return Subject(manifest.name, onnx.load(folder / MODEL_NAME), settings, gmacs)


def resnet50(skipped: str) -> Subject:
    """PAG-ResNet-50 at output stride 8, a plain 3x3 in place of MultiPool, at GATE_RATIOS of every gate."""
    torch.manual_seed(0)
    network = build("resnet50", output_stride=8, skipped=skipped, multipool=None).eval()
    exportable = ExportableParser(network)
    check_activations(network)
    settings = [Setting("ratio 1", 1.0, 1.0), *(_at_ratio(exportable, ratio) for ratio in GATE_RATIOS)]
    name = f"resnet50-{skipped}"
    gmacs = exportable.cost.total * 1e-9
    return Subject(name, to_onnx(exportable, name), tuple(settings), gmacs, network)


def _at_ratio(exportable: ExportableParser, ratio: float) -> Setting:
    # The table holds the same ratio for every gate, so the budget that gives it is the share that it spends.
    budget = exportable.cost.share(dict.fromkeys(exportable.table.gates, ratio))
    return Setting(f"ratio {ratio:g}", budget, budget)


SUBJECTS: dict[str, Callable[[], Subject]] = {
    "lite0": shipped,
    "resnet50": lambda: resnet50("interpolate"),
    "resnet50-skip": lambda: resnet50("skip"),
}


@torch.no_grad()
def check_activations(network: nn.Module) -> None:
    """Raises ValueError if random weights make values that would be slow, or nothing to compute with.

    A tenth of each layer's values at least should be positive, none may be infinite or NaN, and none that is
    not zero may be denormal, as float32 or as bf16, which have the same exponents.
    """
    least = torch.finfo(torch.float32).tiny

    def check(layer: nn.Module, _: object, output: Tensor) -> None:
        size = output.abs()
        denormal = ((size > 0) & (size < least)).any()
        if not output.isfinite().all() or denormal or (output > 0).float().mean() < 0.1:
            raise ValueError(f"{layer}: infinite, denormal or hardly any positive values")

    layers = [module for module in network.modules() if isinstance(module, PerforatedConv2d)]
    handles = [layer.register_forward_hook(check) for layer in layers]
    network(normalise(torch.from_numpy(photograph(*SIZE))))
    for handle in handles:
        handle.remove()
