"""Made data sets of the real layouts, and the real one where it is at hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model_export.data.nyuv2 import build_cache, data_root

IDS = {"train": ["0003", "0001"], "val": ["0007"], "test": ["0009"], "train_unlabelled": ["0004"]}


@pytest.fixture(scope="session")
def made_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder `nyuv2/` of five walls at half the deepest value; 0004 has no labels, 0009 no sure scale."""
    root = tmp_path_factory.mktemp("data") / "nyuv2"
    for name in ("images", "depth", "labels40", "splits"):
        (root / name).mkdir(parents=True)
    rng = np.random.default_rng(0)
    rows = ["id,max_m,source,confidence,metric_ok"]
    for number, id_ in enumerate(id_ for ids in IDS.values() for id_ in ids):
        Image.fromarray(np.full((480, 640, 3), 40 * number, np.uint8)).save(root / "images" / f"{id_}.jpg")
        depth = np.full((480, 640), 127, np.uint8)
        depth[100, 100] = 0
        Image.fromarray(depth).save(root / "depth" / f"{id_}.png")
        if id_ != "0004":
            labels = rng.integers(0, 41, (480, 640), np.uint8)
            labels[200, :2] = 0, 40
            Image.fromarray(labels).save(root / "labels40" / f"{id_}.png")
        rows.append(f"{id_},{number + 2}.0,known,1.0,{int(id_ != '0009')}")
    (root / "depth_scale.csv").write_text("\n".join(rows))
    for split, ids in IDS.items():
        (root / "splits" / f"{split}.txt").write_text("\n".join(ids))
    return root


@pytest.fixture(scope="session")
def made_cache(made_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache of `made_folder`."""
    cache = tmp_path_factory.mktemp("cache") / "nyuv2"
    build_cache(made_folder, cache, processes=2)
    assert json.loads((cache / "index.json").read_text())["ids"][:2] == ["0003", "0001"]
    return cache


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Root of the real data sets; skips where absent."""
    root = data_root()
    if not (root / "nyuv2" / "images").is_dir():
        pytest.skip(f"NYUv2 is not at {root}: set PAG_DATA")
    return root
