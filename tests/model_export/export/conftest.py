"""Small networks with random weights, exported as a user exports them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import perforated_conv
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from model_export.export.export import Identity, export, load_exportable
from model_export.training import checkpoint
from model_export.training.config import TrainingConfig
from model_export.training.log import TrainingLog
from model_export.training.train import make_network, make_optimizer
from tests.support.exported_networks import NETWORKS, Exported, random_image, smooth_image


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


@pytest.fixture(scope="session")
def images() -> list[NDArray[np.uint8]]:
    """One of noise and one smooth, [64, 96, 3]."""
    return [random_image(64, 96), smooth_image(64, 96)]


@pytest.fixture
def native() -> None:
    """Skips the test where the native library is not built."""
    if perforated_conv.library_path() is None:
        pytest.skip("the native library is not built")
