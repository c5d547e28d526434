"""Pseudo-labels are the network's mean opinion where it is sure, in the form that training reads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from model_export.data.nyuv2 import read_labels40
from model_export.networks.build import build
from model_export.networks.parser import DenseParser
from model_export.training.pseudo_labels import mean_probability, write_pseudo_labels

NO_BIAS = np.zeros(40)


@pytest.fixture
def network(randomise: Callable[[nn.Module], None]) -> DenseParser:
    """Of maps that are not flat."""
    network = build("resnet26", width=0.125, multipool="weighted")
    randomise(network)
    return network.eval()


@pytest.fixture
def samples(rooms: Any) -> Any:
    """Two rooms of 96 x 128 with ids."""
    made = rooms(2, labelled=False)
    made.ids = ["0004", "0008"]
    return made


def written(folder: Path) -> np.ndarray:
    return np.stack([read_labels40(folder / f"{id_}.png") for id_ in ("0004", "0008")])


def usual_confidence(network: DenseParser, samples: Any) -> float:
    """About half of the first image's pixels have it."""
    return float(mean_probability(network, samples[0].image, torch.zeros(40)).amax(1).median())


def test_what_is_written_is_read_by_training_with_void_where_the_network_is_not_sure(
    network: DenseParser, samples: Any, tmp_path: Path
) -> None:
    share = write_pseudo_labels(network, samples, tmp_path / "all", bias=NO_BIAS, confidence=0.0)
    everything = written(tmp_path / "all")
    assert share == pytest.approx(1) and everything.max() < 40 and len(np.unique(everything)) > 1
    confidence = usual_confidence(network, samples)
    share = write_pseudo_labels(network, samples, tmp_path / "sure", bias=NO_BIAS, confidence=confidence)
    sure = written(tmp_path / "sure")
    assert 0 < share < 1 and (sure != 255).mean() == pytest.approx(share)
    assert np.array_equal(sure[sure != 255], everything[sure != 255])


def test_a_label_is_kept_where_the_mean_probability_reaches_the_confidence(
    network: DenseParser, samples: Any, tmp_path: Path
) -> None:
    confidence = usual_confidence(network, samples)
    write_pseudo_labels(network, samples, tmp_path, bias=NO_BIAS, confidence=confidence)
    mean = mean_probability(network, samples[0].image, torch.zeros(40))
    assert mean.shape == (1, 40, 24, 32)
    torch.testing.assert_close(mean.sum(1), torch.ones(1, 24, 32))
    best, index = nn.functional.interpolate(mean, (96, 128), mode="bilinear").max(1)
    labels = written(tmp_path)[0]
    assert np.array_equal(labels != 255, (best[0] >= confidence).numpy())
    assert np.array_equal(labels[labels != 255], index[0].numpy()[labels != 255])


def test_the_bias_speaks_for_the_classes_it_favours(
    network: DenseParser, samples: Any, tmp_path: Path
) -> None:
    bias = NO_BIAS.copy()
    bias[11] = 100
    assert write_pseudo_labels(network, samples, tmp_path, bias=bias, confidence=0.9) == pytest.approx(1)
    assert (written(tmp_path) == 11).all()


def test_a_mirrored_image_gets_the_mirrored_opinion(network: DenseParser, samples: Any) -> None:
    image, bias = samples[0].image, torch.zeros(40)
    mirrored = mean_probability(network, np.ascontiguousarray(image[:, ::-1]), bias)
    # Equal but for the rounding of a network that runs in bfloat16.
    difference = (mirrored.flip(3) - mean_probability(network, image, bias)).abs()
    assert difference.mean() < 1e-3 and difference.max() < 0.1
