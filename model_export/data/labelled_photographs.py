"""Photographs with label PNGs: a data set for evaluating a network of the user's own classes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from model_export.common.errors import FixableError
from model_export.data.photographs import Photographs, at_working_size, read_image, without_targets
from model_export.data.sample import VOID, Sample

INDEXED = ("L", "P")


class LabelledPhotographs:
    """Those images of a folder that have NAME.png in the folder of labels, as samples with labels alone.

    Args:
        photographs: folder of NAME.jpg and the like.
        labels: folder of NAME.png, 8 bits a pixel (grey or palette), whose values are class ids.
        classes: number of classes.
        void: value of pixels that count nowhere.

    Raises:
        FixableError: no photograph has labels; [] raises it for labels of another size, form or class.
    """

    def __init__(self, photographs: Path, labels: Path, *, classes: int, void: int) -> None:
        found = Photographs(photographs).paths
        self._paths = [path for path in found if (labels / f"{path.stem}.png").is_file()]
        if not self._paths:
            raise FixableError(
                f"no labels in {labels.absolute()}: {found[0].name} wants {found[0].stem}.png there"
            )
        self.ids = [path.name for path in self._paths]
        self._labels, self._classes, self._void = labels, classes, void

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, position: int, /) -> Sample:
        image = read_image(self._paths[position])
        labels = self._read(self._labels / f"{self._paths[position].stem}.png", image.shape[:2])
        sample = without_targets(at_working_size(image))
        height, width = sample.labels.shape
        resized = cv2.resize(labels, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
        return replace(sample, labels=np.asarray(resized, np.uint8))

    def _read(self, path: Path, size: tuple[int, ...]) -> npt.NDArray[np.uint8]:
        with Image.open(path) as file:
            if file.mode not in INDEXED:
                raise FixableError(f"{path} is of mode {file.mode}: save class ids as an 8-bit grey PNG")
            values = np.array(file)
        if values.shape != size:
            raise FixableError(
                f"{path} is {values.shape[0]}x{values.shape[1]}, its photograph {size[0]}x{size[1]}"
            )
        known = values != self._void
        if known.any() and values[known].max() >= self._classes:
            expected = f"0 to {self._classes - 1}, or {self._void} for void"
            raise FixableError(f"{path} has the value {values[known].max()}, expected {expected}")
        return np.where(known, values, VOID).astype(np.uint8)
