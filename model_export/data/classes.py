"""Classes of NYU Depth v2: names, the map from 40 to 13, and colours to draw them."""

from __future__ import annotations

import cv2
import numpy as np

NYU40 = (
    "wall", "floor", "cabinet", "bed", "chair", "sofa", "table", "door", "window", "bookshelf",
    "picture", "counter", "blinds", "desk", "shelves", "curtain", "dresser", "pillow", "mirror", "floor mat",
    "clothes", "ceiling", "books", "refridgerator", "television", "paper", "towel", "shower curtain", "box",
    "whiteboard", "person", "night stand", "toilet", "sink", "lamp", "bathtub", "bag", "otherstructure",
    "otherfurniture", "otherprop",
)  # fmt: skip
"""Names of class ids 0..39, spelt as in the data set."""

NYU13 = (
    "bed", "books", "ceiling", "chair", "floor", "furniture", "objects", "picture", "sofa", "table", "tv",
    "wall", "window",
)  # fmt: skip
"""Names of class ids 0..12 (Couprie et al. 2013)."""

NYU40_TO_13 = (
    11, 4, 5, 0, 3, 8, 9, 11, 12, 5, 7, 5, 12, 9, 5, 12, 5, 6, 6, 4, 6, 2, 1, 5, 10, 6, 6, 6, 6, 6, 6,
    5, 6, 6, 6, 6, 6, 6, 5, 6,
)  # fmt: skip
"""Class id of NYU13 for each class id of NYU40."""


def palette(count: int) -> list[tuple[int, int, int]]:
    """`count` distinct RGB colours, the same on every call and each list a prefix of the longer ones.

    Each next colour is the one of a coarse grid farthest (in CIELAB) from those chosen, black and white.
    """
    levels = np.linspace(0, 1, 9, dtype=np.float32)
    grid = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(-1, 3)
    lab = cv2.cvtColor(grid[None], cv2.COLOR_RGB2LAB)[0]
    distance = np.minimum(np.linalg.norm(lab - lab[0], axis=1), np.linalg.norm(lab - lab[-1], axis=1))
    colours: list[tuple[int, int, int]] = []
    for _ in range(count):
        chosen = int(distance.argmax())
        red, green, blue = (int(value) for value in np.rint(grid[chosen] * 255))
        colours.append((red, green, blue))
        distance = np.minimum(distance, np.linalg.norm(lab - lab[chosen], axis=1))
    return colours
