"""The official .mat layout, on a small made file of it."""

from __future__ import annotations

import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy.io import savemat

from model_export.data.nyuv2_mat import NyuV2Mat, read_class_mapping, read_mat_split

COUNT, HEIGHT, WIDTH = 3, 48, 64


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A file of three images in MATLAB's axis order, with mapping and splits; row 5, column 7 is marked."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (COUNT, HEIGHT, WIDTH, 3), np.uint8)
    images[:, 5, 7] = 10, 20, 30
    depths = np.full((COUNT, HEIGHT, WIDTH), 2.0, np.float32)
    depths[:, 20, 30] = 3.5
    labels = rng.integers(0, 895, (COUNT, HEIGHT, WIDTH)).astype(np.uint16)
    labels[:, 5, 7], labels[:, 5, 8] = 894, 0
    with h5py.File(tmp_path / "nyu.mat", "w") as file:
        file["images"] = images.transpose(0, 3, 2, 1)
        file["depths"] = depths.transpose(0, 2, 1)
        file["labels"] = labels.transpose(0, 2, 1)
    classes = np.arange(894) % 40 + 1
    savemat(tmp_path / "classMapping40.mat", {"mapClass": classes[None].astype(np.uint8)})
    savemat(tmp_path / "splits.mat", {"trainNdxs": np.array([[1], [3]]), "testNdxs": np.array([[2]])})
    return tmp_path


def open_made(folder: Path, positions: list[int] | None = None) -> NyuV2Mat:
    return NyuV2Mat(folder / "nyu.mat", folder / "classMapping40.mat", positions)


def test_axes_labels_and_metres(folder: Path) -> None:
    samples = open_made(folder)
    assert len(samples) == COUNT and all(samples.labelled)
    sample = samples[1]
    assert sample.image.shape == (HEIGHT, WIDTH, 3) and sample.image.dtype == np.uint8
    assert sample.image[5, 7].tolist() == [10, 20, 30]
    assert sample.depth[20, 30] == 3.5 and sample.depth[24, 32] == 2.0 and sample.depth_metric
    assert (sample.labels[5, 7], sample.labels[5, 8]) == (893 % 40, 255)
    assert sample.normals[30, 20].tolist() == pytest.approx([0, 0, 1], abs=1e-3)
    assert sample.labels.shape == sample.depth.shape == sample.normals.shape[:2] == (HEIGHT, WIDTH)


def test_splits_count_from_one_in_the_file_and_from_zero_here(folder: Path) -> None:
    assert read_mat_split(folder / "splits.mat", "train") == [0, 2]
    assert read_mat_split(folder / "splits.mat", "test") == [1]
    with pytest.raises(ValueError, match="unknown split 'val'"):
        read_mat_split(folder / "splits.mat", "val")


def test_mapping_sends_zero_to_void(folder: Path) -> None:
    mapping = read_class_mapping(folder / "classMapping40.mat")
    assert mapping.shape == (895,)
    assert (mapping[0], mapping[1], mapping[40], mapping[41]) == (255, 0, 39, 0)


def test_refuses_what_is_not_the_official_file(folder: Path) -> None:
    with h5py.File(folder / "nyu.mat", "a") as file:
        del file["labels"]
        file["labels"] = np.zeros((COUNT, HEIGHT, WIDTH), np.uint16)
    with pytest.raises(ValueError, match="do not belong together"):
        open_made(folder)
    with h5py.File(folder / "nyu.mat", "a") as file:
        del file["labels"]
    with pytest.raises(ValueError, match="no labels"):
        open_made(folder)


def test_refuses_depth_in_millimetres(folder: Path) -> None:
    with h5py.File(folder / "nyu.mat", "a") as file:
        file["depths"][0] = file["depths"][0] * 1000
    samples = open_made(folder)
    with pytest.raises(ValueError, match="not metres"):
        samples[0]


def test_refuses_bad_positions_and_mappings(folder: Path) -> None:
    with pytest.raises(ValueError, match="beyond the 3 images"):
        open_made(folder, [3])
    savemat(folder / "classMapping40.mat", {"mapClass": np.zeros((1, 894), np.uint8)})
    with pytest.raises(ValueError, match="894 classes"):
        open_made(folder)


def test_crosses_to_a_worker_process_while_open(folder: Path) -> None:
    samples = open_made(folder, [2])
    first = samples[0]
    assert np.array_equal(pickle.loads(pickle.dumps(samples))[0].image, first.image)
