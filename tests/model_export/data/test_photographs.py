"""Folders of photographs as people have them: sizes, kinds, turned ones, and labels beside them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from model_export.common.errors import FixableError
from model_export.common.sizes import WORKING_PIXELS
from model_export.data.labelled_photographs import LabelledPhotographs
from model_export.data.photographs import Photographs
from model_export.data.sample import VOID


def noise(height: int, width: int) -> NDArray[np.uint8]:
    return np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8)


def put(path: Path, pixels: NDArray[np.uint8], **options: object) -> None:
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(pixels).save(path, **options)


def test_images_are_found_whatever_they_are_called(tmp_path: Path) -> None:
    put(tmp_path / "b.jpg", noise(64, 96))
    put(tmp_path / "a.PNG", noise(64, 96))
    put(tmp_path / "no-suffix", noise(64, 96), format="WEBP")
    (tmp_path / "notes.txt").write_text("not one")
    (tmp_path / "more").mkdir()
    photographs = Photographs(tmp_path)
    assert photographs.ids == ["a.PNG", "b.jpg", "no-suffix"]
    np.testing.assert_array_equal(photographs[0].image, noise(64, 96))
    assert (photographs[0].labels == VOID).all() and not photographs[0].depth.any()


@pytest.mark.parametrize(
    ("size", "expected"),
    [((64, 96), (64, 96)), ((70, 100), (64, 96)), ((960, 1280), (480, 640)), ((20, 100), (32, 160))],
)
def test_what_a_network_is_fed_has_sides_that_it_can_take(
    tmp_path: Path, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    put(tmp_path / "one.png", noise(*size))
    assert Photographs(tmp_path, cropped=True)[0].image.shape == (*expected, 3)
    height, width = Photographs(tmp_path)[0].image.shape[:2]
    assert height * width <= WORKING_PIXELS and height / width == pytest.approx(size[0] / size[1], rel=0.02)


def test_a_turned_photograph_is_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    put(tmp_path / "turned.jpg", noise(64, 96), exif=exif)
    assert Photographs(tmp_path)[0].image.shape == (96, 64, 3)


def test_a_few_are_taken_from_all_over_the_folder(tmp_path: Path) -> None:
    for number in range(9):
        put(tmp_path / f"{number}.png", noise(32, 32))
    assert Photographs(tmp_path, 3).ids == ["0.png", "4.png", "8.png"]
    assert len(Photographs(tmp_path, 30)) == 9


def test_folders_and_files_that_will_not_do_are_named(tmp_path: Path) -> None:
    with pytest.raises(FixableError, match=r"no image that OpenCV reads in .*; give|no image.*: give"):
        Photographs(tmp_path)
    put(tmp_path / "half.png", noise(64, 96))
    (tmp_path / "half.png").write_bytes((tmp_path / "half.png").read_bytes()[:60])
    with pytest.raises(FixableError, match=r"half\.png cannot be decoded"):
        _ = Photographs(tmp_path)[0]


def labelled(folder: Path, **changes: int) -> LabelledPhotographs:
    return LabelledPhotographs(folder / "images", folder / "labels", **({"classes": 3, "void": 9} | changes))


def test_labels_are_class_ids_of_grey_or_palette_files(tmp_path: Path) -> None:
    ids = np.repeat(np.array([[0, 1], [2, 9]], np.uint8), 32, 0).repeat(48, 1)
    for name in ("grey", "palette", "bare"):
        put(tmp_path / "images" / f"{name}.jpg", noise(64, 96))
    put(tmp_path / "labels" / "grey.png", ids)
    indexed = Image.fromarray(ids, mode=None).convert("P")
    indexed.putdata(ids.ravel().tolist())
    indexed.save(tmp_path / "labels" / "palette.png")
    samples = labelled(tmp_path)
    assert samples.ids == ["grey.jpg", "palette.jpg"]
    for position in range(2):
        np.testing.assert_array_equal(samples[position].labels, np.where(ids == 9, VOID, ids))


def test_labels_of_large_photographs_are_brought_down_with_them(tmp_path: Path) -> None:
    put(tmp_path / "images" / "large.jpg", noise(960, 1280))
    put(tmp_path / "labels" / "large.png", np.repeat([[0, 2]], 960, 0).repeat(640, 1).astype(np.uint8))
    sample = labelled(tmp_path)[0]
    assert sample.image.shape[:2] == sample.labels.shape == (480, 640)
    assert (sample.labels[:, :320] == 0).all() and (sample.labels[:, 320:] == 2).all()


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        (np.full((64, 96), 3, np.uint8), r"has the value 3, expected 0 to 2, or 9 for void"),
        (np.zeros((32, 96), np.uint8), r"is 32x96, its photograph 64x96"),
        (noise(64, 96), r"is of mode RGB: save class ids as an 8-bit grey PNG"),
    ],
)
def test_labels_that_will_not_do_are_named(tmp_path: Path, labels: NDArray[np.uint8], says: str) -> None:
    put(tmp_path / "images" / "one.png", noise(64, 96))
    put(tmp_path / "labels" / "one.png", labels)
    with pytest.raises(FixableError, match=f"one.png {says}"):
        _ = labelled(tmp_path)[0]


def test_photographs_without_any_labels_are_refused(tmp_path: Path) -> None:
    put(tmp_path / "images" / "one.png", noise(64, 96))
    with pytest.raises(FixableError, match=r"one\.png wants one\.png there"):
        labelled(tmp_path)
