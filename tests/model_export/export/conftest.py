"""Small networks with random weights, exported as a user exports them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import perforated_conv
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from model_export.export.export import MODEL_NAME, Identity, export, load_exportable
from model_export.export.exportable import ExportableParser
from model_export.training import checkpoint
from model_export.training.config import TrainingConfig
from model_export.training.log import TrainingLog
from model_export.training.train import make_network, make_optimizer
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


@pytest.fixture(scope="session")
def exported(
    tmp_path_factory: pytest.TempPathFactory, randomise: Callable[[nn.Module], None]
) -> Callable[[str], Exported]:
    """Name in NETWORKS -> its export from a checkpoint and its log, made once."""
    done: dict[str, Exported] = {}

    def make(name: str) -> Exported:
        if name not in done:
            run = tmp_path_factory.mktemp("runs") / name
            _write_run(run, NETWORKS[name], randomise)
            folder = tmp_path_factory.mktemp("weights") / name
            identity = Identity(name.replace(" ", "_"), "1.2.3", "A random network.")
            manifest = export([run / "checkpoint.pt"], folder, identity)
            path = run / "checkpoint.pt"
            done[name] = Exported(path, folder, manifest, load_exportable(path))
        return done[name]

    return make


def _write_run(run: Path, config: TrainingConfig, randomise: Callable[[nn.Module], None]) -> None:
    torch.manual_seed(11)
    network = make_network(config)
    randomise(network)
    average = checkpoint.WeightAverage(network, 0.9)
    state = checkpoint.TrainingState(network, make_optimizer(network, config), average)
    log = TrainingLog(run)
    log.write(
        "start", step=0, time=0.0, commit="abc", command=f"train --folder {run}", config=config.to_json()
    )
    checkpoint.save(run / "checkpoint.pt", state, config.to_json())


def random_image(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    """Noise, uint8 [H, W, 3]."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def smooth_image(height: int, width: int) -> NDArray[np.uint8]:
    """Slow waves of colour, uint8 [H, W, 3]."""
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(y / 17 + x / 23), np.cos(x / 13), np.sin((y - x) / 29)]
    return (127 + 120 * np.stack(waves, -1)).astype(np.uint8)


@pytest.fixture(scope="session")
def images() -> list[NDArray[np.uint8]]:
    """One of noise and one smooth, [64, 96, 3]."""
    return [random_image(64, 96), smooth_image(64, 96)]


@pytest.fixture
def native() -> None:
    """Skips the test where the native library is not built."""
    if perforated_conv.library_path() is None:
        pytest.skip("the native library is not built")
