"""Class lists agree with each other and with the data set's own files."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

from model_export.data.classes import NYU13, NYU40, NYU40_TO_13, palette


def test_every_class_of_40_has_one_of_13_and_all_13_are_used() -> None:
    assert len(NYU40) == len(set(NYU40)) == len(NYU40_TO_13) == 40
    assert sorted(set(NYU40_TO_13)) == list(range(13))


def test_names_that_exist_in_both_lists_map_to_themselves() -> None:
    shared = set(NYU13) & set(NYU40)
    assert {"wall", "floor", "bed", "sofa"} <= shared
    for name in shared:
        assert NYU13[NYU40_TO_13[NYU40.index(name)]] == name


def test_equals_the_files_of_the_data_set(real_data: Path) -> None:
    folder = real_data / "nyuv2"
    names = json.loads((folder / "classes40.json").read_text())
    names13 = json.loads((folder / "classes13.json").read_text())
    assert [names[str(number + 1)] for number in range(40)] == list(NYU40)
    assert [names13[str(number + 1)] for number in range(13)] == list(NYU13)
    assert json.loads((folder / "map40to13.json").read_text()) == [class_ + 1 for class_ in NYU40_TO_13]


def test_palette_is_stable_and_its_colours_far_apart() -> None:
    colours = palette(40)
    assert palette(13) == colours[:13]
    lab = cv2.cvtColor(np.array([colours], np.float32) / 255, cv2.COLOR_RGB2LAB)[0]
    gaps = np.linalg.norm(lab[:, None] - lab[None], axis=-1) + 1e3 * np.eye(40)
    assert gaps.min() > 20  # CIELAB units; 2.3 is just noticeable
    assert (0, 0, 0) not in colours
