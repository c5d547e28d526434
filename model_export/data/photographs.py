"""A folder of photographs as samples without targets, at the service's working size."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from model_export.common.errors import FixableError
from model_export.common.sizes import SIZE_MULTIPLE, WORKING_PIXELS
from model_export.data.sample import VOID, Sample
from service.model_folder.geometry import plan_resize

Image = npt.NDArray[np.uint8]


class Photographs:
    """Every image that OpenCV reads in a folder, by name; samples without targets.

    An image of more than WORKING_PIXELS is brought down to about as many, its aspect kept.

    Args:
        folder: of the images; folders in it are not looked into.
        count: take so many of them at most, evenly spread over the names.
        cropped: cut both sides to multiples of SIZE_MULTIPLE, about the centre, as a network needs them.

    Raises:
        FixableError: the folder has no image.
    """

    def __init__(self, folder: Path, count: int | None = None, *, cropped: bool = False) -> None:
        found = sorted(path for path in folder.glob("*") if path.is_file() and _is_image(path))
        if not found:
            raise FixableError(
                f"no image that OpenCV reads in {folder.absolute()}: give a folder of JPEG or PNG files"
            )
        taken = np.unique(np.linspace(0, len(found) - 1, min(count or len(found), len(found))).round())
        self.paths = [found[int(place)] for place in taken]
        self.ids = [path.name for path in self.paths]
        self._cropped = cropped

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, position: int, /) -> Sample:
        image = at_working_size(read_image(self.paths[position]))
        return without_targets(_centre(image) if self._cropped else image)


def _is_image(path: Path) -> bool:
    return not path.name.startswith(".") and bool(cv2.haveImageReader(str(path)))


def read_image(path: Path) -> Image:
    """uint8 [H, W, 3] RGB, upright as its EXIF says.

    Raises:
        FixableError: it is damaged.
    """
    pixels = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if pixels is None:
        raise FixableError(f"{path} cannot be decoded: remove it or save it again")
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8)


def working_size(height: int, width: int) -> tuple[int, int]:
    """Height and width at which an image is worked on; neither below SIZE_MULTIPLE."""
    fed = plan_resize(height, width, WORKING_PIXELS, SIZE_MULTIPLE).fed
    grown = max(1.0, SIZE_MULTIPLE / min(fed))
    return round(fed[0] * grown), round(fed[1] * grown)


def at_working_size(image: Image) -> Image:
    """Area-averaged down, or grown where a side is shorter than a network can take."""
    height, width = working_size(*image.shape[:2])
    if (height, width) == image.shape[:2]:
        return image
    how = cv2.INTER_AREA if height < image.shape[0] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (width, height), interpolation=how), np.uint8)


def without_targets(image: Image) -> Sample:
    """The image with every label void, no depth and no normals."""
    size = image.shape[:2]
    labels, depth = np.full(size, VOID, np.uint8), np.zeros(size, np.float32)
    return Sample(image, labels, depth, depth_metric=False, normals=np.zeros((*size, 3), np.float32))


def _centre(image: Image) -> Image:
    sides = [side - side % SIZE_MULTIPLE for side in image.shape[:2]]
    top, left = ((side - kept) // 2 for side, kept in zip(image.shape[:2], sides, strict=True))
    return np.ascontiguousarray(image[top : top + sides[0], left : left + sides[1]])
