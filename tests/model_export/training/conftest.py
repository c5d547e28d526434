"""Made samples, and a configuration that trains a very small network on them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from model_export.data.loader import collate
from model_export.data.sample import VOID, Sample
from model_export.training.config import TrainingConfig, smoke


class Rooms:
    """Samples of random rooms, each a function of its position: a floor below a wall, seen from the front."""

    def __init__(self, count: int = 4, labelled: bool = True) -> None:
        self._count, self._labelled = count, labelled

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, position: int) -> Sample:
        height, width, rng = 96, 128, np.random.default_rng(position)
        edge = int(rng.integers(40, 60))
        floor = np.arange(height)[:, None] >= edge + np.zeros(width, np.int64)
        labels = np.where(floor, 1, 0).astype(np.uint8)
        labels[:8, :8] = VOID
        shades = rng.integers(40, 200, (2, 3))
        image = shades[labels.clip(max=1)] + rng.integers(0, 40, (height, width, 3))
        depth = np.where(floor, 2.0, 3.0).astype(np.float32)
        depth[-4:] = 0
        normals = np.where(floor[..., None], [0.0, -1.0, 0.0], [0.0, 0.0, 1.0]).astype(np.float32)
        if not self._labelled:
            labels = np.full_like(labels, VOID)
        return Sample(image.astype(np.uint8), labels, depth, self._labelled, normals)


def small_config(**changes: object) -> TrainingConfig:
    """The preset `smoke` on the smallest network."""
    return replace(smoke(), network="resnet26", options={"width": 0.125}, **changes)


@pytest.fixture(scope="session")
def rooms() -> type[Rooms]:
    """The class of the made samples."""
    return Rooms


@pytest.fixture(scope="session")
def config() -> TrainingConfig:
    """Gated, four steps, two images of 64 x 96 a batch."""
    return small_config()


@pytest.fixture
def batch() -> dict[str, Tensor]:
    """One labelled and one unlabelled image [2, 64, 96, 3] with their targets."""
    crops = []
    for sample in (Rooms()[0], Rooms(labelled=False)[1]):
        parts = {name: getattr(sample, name)[:64, :96] for name in ("image", "labels", "depth", "normals")}
        crops.append(replace(sample, **parts))
    torch.manual_seed(0)
    return collate(crops)
