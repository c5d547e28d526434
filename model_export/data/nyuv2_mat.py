"""NYU Depth v2 as its authors ship it: nyu_depth_v2_labeled.mat, with splits.mat and classMapping40.mat.

The .mat is MATLAB v7.3, i.e. HDF5, and h5py shows its axes reversed: images (N, 3, W, H), depths and labels
(N, W, H). With it the official protocol (795 training and 654 test images) can be run.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt
from scipy.io import loadmat

from model_export.data.normals import FRAME, normals_from_depth
from model_export.data.sample import VOID, Sample

SPLIT_KEYS = {"train": "trainNdxs", "test": "testNdxs"}
MAX_METRES = 100.0
KINECT_STEPS = 255.0

Bytes = npt.NDArray[np.uint8]


def read_mat_split(path: Path, name: str) -> list[int]:
    """Positions (0-based) of the official split `train` or `test` of splits.mat; ValueError for others."""
    if name not in SPLIT_KEYS:
        raise ValueError(f"unknown split {name!r}, splits.mat has {', '.join(SPLIT_KEYS)}")
    return [int(number) - 1 for number in loadmat(path)[SPLIT_KEYS[name]].ravel()]


def read_class_mapping(path: Path) -> Bytes:
    """classMapping40.mat -> uint8 [895]: class 0..39 for every label 1..894, 255 (void) for label 0."""
    classes = loadmat(path)["mapClass"].ravel()
    if classes.size != 894 or classes.min() < 1 or classes.max() > 40:
        raise ValueError(f"{path}: mapClass must hold 894 classes of 1..40")
    return np.concatenate([[VOID], classes - 1]).astype(np.uint8)


class NyuV2Mat:
    """Samples of nyu_depth_v2_labeled.mat at the given positions (0-based; all if not given).

    Every image is labelled and its depth is metric. Normals are computed from depth at each access (about
    0.2 s). Raises ValueError when arrays have other shapes than the official layout or depth is not metres.
    """

    def __init__(self, path: Path, mapping: Path, positions: Sequence[int] | None = None) -> None:
        self._path = path
        self._classes = read_class_mapping(mapping)
        self._file: h5py.File | None = None
        with h5py.File(path, "r") as file:
            count = _check_layout(file, path)
        self._positions = list(range(count)) if positions is None else list(positions)
        if self._positions and not 0 <= min(self._positions) <= max(self._positions) < count:
            raise ValueError(f"positions go beyond the {count} images of {path}")
        self.labelled = [True] * len(self._positions)

    def __len__(self) -> int:
        return len(self._positions)

    def __getitem__(self, position: int) -> Sample:
        at = self._positions[position]
        file = self._open()
        depth = np.ascontiguousarray(file["depths"][at].T.astype(np.float32))
        if depth.max() >= MAX_METRES:
            raise ValueError(f"{self._path}: depth {depth.max():g} at image {at}: this is not metres")
        valid = depth > 0
        normals, _ = normals_from_depth(depth, valid, step=max(float(depth.max()), 1e-6) / KINECT_STEPS)
        inside = np.zeros_like(valid)
        inside[FRAME:-FRAME, FRAME:-FRAME] = True
        return Sample(
            image=np.ascontiguousarray(file["images"][at].transpose(2, 1, 0)),
            labels=self._classes[file["labels"][at].T],
            depth=np.where(inside, depth, 0).astype(np.float32),
            depth_metric=True,
            normals=normals,
        )

    def _open(self) -> h5py.File:
        # Opened at the first access, hence in the worker process: an HDF5 handle does not survive a fork.
        if self._file is None:
            self._file = h5py.File(self._path, "r")
        return self._file

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_file": None}


def _check_layout(file: h5py.File, path: Path) -> int:
    """Number of images; ValueError unless images, depths and labels have the official (reversed) shapes."""
    missing = [name for name in ("images", "depths", "labels") if name not in file]
    if missing:
        raise ValueError(f"{path}: no {', '.join(missing)}: not nyu_depth_v2_labeled.mat")
    count, channels, width, height = file["images"].shape
    for name in ("depths", "labels"):
        if file[name].shape != (count, width, height) or channels != 3:
            shapes = f"images {file['images'].shape} and {name} {file[name].shape}"
            raise ValueError(f"{path}: {shapes} do not belong together")
    return int(count)
