"""Normals of 8-bit depth against those of true depth: `python -m model_export.data.normals_noise`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from model_export.data.normals import normals_from_depth, normals_from_depth8
from model_export.data.nyuv2 import data_root, read_grey


def noise(folder: Path, true_depth: Path) -> dict[str, float]:
    """Image's id -> mean angle in degrees where both kinds of normals are valid.

    Args:
        folder: `nyuv2/`, with 8-bit depth.
        true_depth: folder of ID.png, uint16 millimetres, 0 missing.
    """
    return {
        path.stem: _mean_angle(path, folder / "depth" / path.name)
        for path in sorted(true_depth.glob("*.png"))
    }


def _mean_angle(true_path: Path, coarse_path: Path) -> float:
    with Image.open(true_path) as image:
        true = np.array(image).astype(np.float32)
    expected, expected_mask = normals_from_depth(true, true > 0, float(true.max()) / 255)
    normals, mask = normals_from_depth8(read_grey(coarse_path))
    both = mask & expected_mask
    cosine = np.einsum("nc,nc->n", normals[both], expected[both]).clip(-1, 1)
    return float(np.degrees(np.arccos(cosine)).mean())


if __name__ == "__main__":
    angles = noise(data_root() / "nyuv2", data_root() / "nyuv2_metric" / "depth_mm")
    values = np.array(list(angles.values()))
    low, high = values.min(), values.max()
    print(f"{len(values)} images: mean {values.mean():.2f} degrees, from {low:.2f} to {high:.2f}")
