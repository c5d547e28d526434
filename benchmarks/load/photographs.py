"""Several photographs of 640x480 as JPEG files, for requests."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.photograph import photograph

HEIGHT, WIDTH = 480, 640
QUALITY = 90
COUNT = 8


def write_photographs(folder: Path, count: int = COUNT) -> tuple[str, ...]:
    """Files in `folder`: of NYUv2 if PAG_DATA has it, else crops of scikit-image's picture."""
    paths = []
    for number, pixels in enumerate(_of_data(count) or _of_picture(count)):
        path = folder / f"{number}.jpg"
        if not cv2.imwrite(str(path), pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY]):
            raise SystemExit(f"OpenCV could not write {path}")
        paths.append(str(path))
    return tuple(paths)


def _of_data(count: int) -> list[NDArray[np.uint8]]:
    folder = Path(os.environ.get("PAG_DATA", "../shared/data")) / "nyuv2" / "images"
    files = sorted(folder.glob("*.jpg"))
    chosen = files[:: max(1, len(files) // count)][:count]
    return [photograph(HEIGHT, WIDTH, path)[0] for path in chosen]


def _of_picture(count: int) -> list[NDArray[np.uint8]]:
    """Crops at places and sizes drawn from a seed, every second one mirrored."""
    whole, draw = photograph(2 * HEIGHT, 2 * WIDTH)[0], np.random.default_rng(0)
    pictures = []
    for number in range(count):
        factor = draw.uniform(1, 2)
        height, width = int(HEIGHT * factor), int(WIDTH * factor)
        top, left = draw.integers(0, 2 * HEIGHT - height + 1), draw.integers(0, 2 * WIDTH - width + 1)
        crop = cv2.resize(
            whole[top : top + height, left : left + width], (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA
        )
        pictures.append(np.ascontiguousarray(crop[:, :: -1 if number % 2 else 1], np.uint8))
    return pictures
