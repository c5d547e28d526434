"""Small networks by name, what comes of their export, and images to run them on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model_export.export.export import MODEL_NAME
from model_export.export.exportable import ExportableParser
from model_export.training.config import TrainingConfig
from service.model_folder.manifest import ModelManifest


def _config(name: str, multipool: str = "pag", **options: object) -> TrainingConfig:
    small = {"width": 0.125} if name == "resnet26" else {"pretrained": False}
    return TrainingConfig(name, small | options, gated=bool(options.get("gated", True)), multipool=multipool)


NETWORKS = {
    "resnet26": _config("resnet26"),
    "efficientnet_lite0": _config("efficientnet_lite0"),
    "skip": _config("resnet26", skipped="skip", output_stride=16),
    "bypass": _config("resnet26", skipped="bypass"),
    "layer": _config("resnet26", skipped="layer"),
    "layer lite0": _config("efficientnet_lite0", skipped="layer"),
    "weighted": _config("resnet26", "weighted"),
    "average": _config("resnet26", "average", skipped="skip"),
    "ungated": _config("resnet26", "weighted", gated=False),
    "ungated pag": _config("resnet26", gated=False),
    "truncated": _config("efficientnet_lite0", "weighted", gated=False, encoder_blocks=12),
}
UNGATED = [name for name, config in NETWORKS.items() if not config.gated]


@dataclass(frozen=True)
class Exported:
    """A checkpoint, its model folder, what was written into its manifest, and the same network in torch."""

    checkpoint: Path
    folder: Path
    manifest: ModelManifest
    exportable: ExportableParser

    @property
    def model(self) -> Path:
        """Of the .onnx file."""
        return self.folder / MODEL_NAME


def random_image(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    """Noise, uint8 [H, W, 3]."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def smooth_image(height: int, width: int) -> NDArray[np.uint8]:
    """Slow waves of colour, uint8 [H, W, 3]."""
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(y / 17 + x / 23), np.cos(x / 13), np.sin((y - x) / 29)]
    return (127 + 120 * np.stack(waves, -1)).astype(np.uint8)
