"""The photograph that networks are timed on."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray


def photograph(height: int, width: int, path: Path | None = None) -> NDArray[np.uint8]:
    """The file, or scikit-image's coffee cup (Rachel Michetti, CC0), as uint8 [1, height, width, 3] RGB."""
    if path is None:
        from skimage import data  # noqa: PLC0415 - only when no photograph is given

        pixels = data.coffee()  # type: ignore[no-untyped-call]
    else:
        pixels = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
        if pixels is None:
            raise SystemExit(f"{path} is not an image that OpenCV reads")
    return np.ascontiguousarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA))[None]
