"""A made split of small images and a predictor that is wrong at random, but the same on each call."""

from __future__ import annotations

import numpy as np
import pytest

from model_export.data.sample import Sample


class MadeSamples:
    """Eight images of 64 x 96 with blocks of classes, slanted depth and random normals."""

    def __init__(self, count: int = 8) -> None:
        rng = np.random.default_rng(5)
        self._samples = [_made(rng, metric=bool(number % 2)) for number in range(count)]
        self.ids = [f"{number:04}" for number in range(1, 1 + count)]

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, position: int, /) -> Sample:
        return self._samples[position]


def _made(rng: np.random.Generator, *, metric: bool) -> Sample:
    labels = rng.integers(0, 41, (4, 6), np.uint8).repeat(16, 0).repeat(16, 1)
    normals = rng.normal(size=(64, 96, 3)).astype(np.float32)
    return Sample(
        image=rng.integers(0, 256, (64, 96, 3), np.uint8),
        labels=np.where(labels == 40, 255, labels).astype(np.uint8),
        depth=np.linspace(1, 3, 96, dtype=np.float32)[None].repeat(64, 0),
        depth_metric=metric,
        normals=normals / np.linalg.norm(normals, axis=-1, keepdims=True),
    )


def predict(image, budget):
    """Maps that depend on the image and the budget; more budget, less noise in the depth."""
    h, w = image.shape[0] // 8, image.shape[1] // 8
    rng = np.random.default_rng(int(image.sum()))
    noise = rng.normal(size=(h, w)) * (1.2 - budget)
    return {
        "semantic_logits": rng.normal(size=(h, w, 40)).astype(np.float32),
        "depth": np.exp(0.6 + 0.3 * noise).astype(np.float32),
        "normals": rng.normal(size=(h, w, 3)).astype(np.float32),
    }


@pytest.fixture(scope="session")
def samples() -> MadeSamples:
    return MadeSamples()


@pytest.fixture(scope="session")
def predictor():
    return predict
