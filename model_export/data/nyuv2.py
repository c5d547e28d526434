"""NYU Depth v2 from a folder of JPG and PNG files, decoded once into memory-mapped arrays.

Folder (`nyuv2/` under the data root): `images/ID.jpg`, `depth/ID.png` (8 bits of each image's own maximum),
`labels40/ID.png` (0 = void, 1..40; absent for unlabelled images), `depth_scale.csv`, `splits/NAME.txt`.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image
from tqdm import tqdm

from model_export.common.writing import write_text
from model_export.data.normals import FRAME, normals_from_depth8
from model_export.data.sample import VOID, Sample, decode_normals, encode_normals

SPLITS = ("train", "val", "test", "train_unlabelled")
HEIGHT, WIDTH = 480, 640
CACHE_FORM = 1
_CHANNELS = {"images": 3, "labels": 0, "depth": 0, "normals": 3}

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class DepthScale:
    """Depth of an image in metres at its deepest pixel, and whether that number can be trusted."""

    max_m: float
    metric: bool


def data_root() -> Path:
    """Folder of the data sets: environment variable PAG_DATA, else ../shared/data."""
    return Path(os.environ.get("PAG_DATA", "../shared/data"))


def cache_root() -> Path:
    """Folder of decoded arrays: environment variable PAG_CACHE, else ./cache."""
    return Path(os.environ.get("PAG_CACHE", "cache"))


def read_split(folder: Path, name: str) -> list[str]:
    """Ids of one of SPLITS; folder is `nyuv2/`. Raises ValueError for an unknown name."""
    if name not in SPLITS:
        raise ValueError(f"unknown split {name!r}, there are {', '.join(SPLITS)}")
    return (folder / "splits" / f"{name}.txt").read_text().split()


def read_depth_scales(folder: Path) -> dict[str, DepthScale]:
    """Id -> scale, from `depth_scale.csv`."""
    with (folder / "depth_scale.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {row["id"]: DepthScale(float(row["max_m"]), row["metric_ok"] == "1") for row in rows}


def read_grey(path: Path) -> Bytes:
    """An 8-bit grey PNG as stored, uint8 [H, W].

    Raises ValueError for any other mode: of a palette PNG one reader gives indices, another colours or
    their grey values, and labels would change without a word.
    """
    with Image.open(path) as image:
        if image.mode != "L":
            raise ValueError(f"{path}: mode is {image.mode}, expected L (8-bit grey holding class numbers)")
        return np.array(image)


def read_labels40(path: Path) -> Bytes:
    """Label PNG (0 = void, 1..40) -> uint8 [H, W] with classes 0..39 and 255 = void; absent file raises."""
    stored = read_grey(path)
    if stored.max() > 40:
        raise ValueError(f"{path}: value {stored.max()} is beyond the 40 classes")
    return stored - np.uint8(1)


def metres(values: Bytes, max_m: float) -> npt.NDArray[np.float32]:
    """8-bit depth -> float32 metres, middle of each step; 0 (invalid) at value 0 and in the blank frame."""
    depth = (values.astype(np.float32) + 0.5) * np.float32(max_m / 255)
    depth[values == 0] = 0
    depth[:FRAME], depth[-FRAME:], depth[:, :FRAME], depth[:, -FRAME:] = 0, 0, 0, 0
    return depth


def build_cache(folder: Path, cache: Path, ids: Sequence[str] | None = None, processes: int = 2) -> None:
    """Decode the images of `folder` (`nyuv2/`) into cache/{images,labels,depth,normals}.npy and index.json.

    Arrays are uint8 with N rows in the order of index.json's ids, 480x640: images [N,H,W,3] RGB; labels
    [N,H,W] 0..39, 255 void; depth [N,H,W] as in the PNG; normals [N,H,W,3] of `encode_normals`.
    index.json is written last, so a cache with an index is whole.
    """
    ids = list(ids) if ids is not None else [id_ for split in SPLITS for id_ in read_split(folder, split)]
    scales = read_depth_scales(folder)
    cache.mkdir(parents=True, exist_ok=True)
    (cache / "index.json").unlink(missing_ok=True)
    shapes = {name: (len(ids), HEIGHT, WIDTH, *((c,) if c else ())) for name, c in _CHANNELS.items()}
    arrays = {
        name: np.lib.format.open_memmap(cache / f"{name}.npy", "w+", np.uint8, shape)
        for name, shape in shapes.items()
    }
    # A forked child of a process whose OpenCV runs threads waits for ever; a spawned one does not.
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        decoded = pool.map(_decode, [folder] * len(ids), ids, chunksize=4)
        for row, parts in enumerate(tqdm(decoded, total=len(ids), desc="decoding NYUv2")):
            for name, part in parts.items():
                arrays[name][row] = part
    for array in arrays.values():
        array.flush()
    index = {
        "form": CACHE_FORM,
        "ids": ids,
        "max_m": [scales[id_].max_m for id_ in ids],
        "metric": [scales[id_].metric for id_ in ids],
        "labelled": [(folder / "labels40" / f"{id_}.png").exists() for id_ in ids],
    }
    write_text(cache / "index.json", json.dumps(index))


def _decode(folder: Path, id_: str) -> dict[str, Bytes]:
    cv2.setNumThreads(1)
    with Image.open(folder / "images" / f"{id_}.jpg") as file:
        image = np.array(file.convert("RGB"))
    labels = folder / "labels40" / f"{id_}.png"
    depth = read_grey(folder / "depth" / f"{id_}.png")
    return {
        "images": image,
        "labels": read_labels40(labels) if labels.exists() else np.full((HEIGHT, WIDTH), VOID, np.uint8),
        "depth": depth,
        "normals": encode_normals(*normals_from_depth8(depth)),
    }


class NyuV2:
    """Samples of a cache made by `build_cache`, read by memory map; cheap to copy to worker processes.

    len() and [] go by position in `ids`; ids may be any subset of the cached ones, in any order.
    labels: a folder of ID.png (0 = void, 1..40) whose labels take the place of the cached ones.
    Raises FileNotFoundError when the cache is absent and ValueError for unknown ids, ids that `labels` lacks
    or another cache form; [] raises ValueError for a file of `labels` of another mode, size or class.
    """

    def __init__(self, cache: Path, ids: Sequence[str] | None = None, labels: Path | None = None) -> None:
        if not (cache / "index.json").exists():
            raise FileNotFoundError(f"no cache at {cache}: run python -m model_export.data.nyuv2")
        index = json.loads((cache / "index.json").read_text())
        if index["form"] != CACHE_FORM:
            raise ValueError(f"{cache} has form {index['form']}, this code reads {CACHE_FORM}: build it anew")
        rows = {id_: row for row, id_ in enumerate(index["ids"])}
        self.ids: list[str] = list(ids) if ids is not None else list(index["ids"])
        unknown = [id_ for id_ in self.ids if id_ not in rows]
        if unknown:
            raise ValueError(f"{cache} has no images {', '.join(unknown[:5])}")
        bare = [id_ for id_ in self.ids if labels is not None and not (labels / f"{id_}.png").is_file()]
        if bare:
            raise ValueError(f"{labels} has no labels for {', '.join(bare[:5])}")
        self._cache, self._labels = cache, labels
        self._rows = [rows[id_] for id_ in self.ids]
        self._scales = [DepthScale(index["max_m"][row], index["metric"][row]) for row in self._rows]
        self.labelled: list[bool] = [index["labelled"][row] for row in self._rows]
        self._arrays: dict[str, Bytes] = {}

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, position: int) -> Sample:
        row, scale = self._rows[position], self._scales[position]
        return Sample(
            image=np.array(self._array("images")[row]),
            labels=self._labels_of(position),
            depth=metres(np.array(self._array("depth")[row]), scale.max_m),
            depth_metric=scale.metric,
            normals=decode_normals(np.array(self._array("normals")[row])),
        )

    def _labels_of(self, position: int) -> Bytes:
        if self._labels is None:
            return np.array(self._array("labels")[self._rows[position]])
        path = self._labels / f"{self.ids[position]}.png"
        labels = read_labels40(path)
        if labels.shape != (HEIGHT, WIDTH):
            raise ValueError(f"{path}: {labels.shape[0]}x{labels.shape[1]}, expected {HEIGHT}x{WIDTH}")
        return labels

    def _array(self, name: str) -> Bytes:
        if name not in self._arrays:
            self._arrays[name] = np.load(self._cache / f"{name}.npy", mmap_mode="r")
        return self._arrays[name]

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_arrays": {}}


def open_split(
    name: str, root: Path | None = None, cache: Path | None = None, labels: Path | None = None
) -> NyuV2:
    """The samples of one of SPLITS; root and cache as `data_root()` and `cache_root()`/nyuv2 if not given."""
    folder = (root or data_root()) / "nyuv2"
    return NyuV2(cache or cache_root() / "nyuv2", read_split(folder, name), labels)


if __name__ == "__main__":
    build_cache(data_root() / "nyuv2", cache_root() / "nyuv2")
