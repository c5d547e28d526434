"""Images on which a network is looked at without targets: a folder of photographs, or some of NYUv2."""

from __future__ import annotations

from pathlib import Path

from model_export.data.loader import Samples
from model_export.data.nyuv2 import NyuV2, cache_root, open_split
from model_export.data.photographs import Photographs

PHOTOGRAPHS_HELP = "folder of images in place of NYUv2's validation split; no label is read"


def samples(photographs: Path | None, images: int) -> Samples:
    """So many photographs of the folder, or the first of the validation split where none is given.

    Raises:
        FixableError: the folder has no image.
        FileNotFoundError: the data set was not decoded.
    """
    if photographs is not None:
        return Photographs(photographs, images, cropped=True)
    return NyuV2(cache_root() / "nyuv2", open_split("val").ids[:images])
