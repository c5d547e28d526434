"""Points of evaluation: an image at a scale, a budget; and the way of an image to the network and back.

A pixel (i, j) of an output of stride s covers input pixels [s*i, s*i+s) x [s*j, s*j+s), so positions follow
the half-pixel convention. Padding lies at the bottom and right and is never sampled, save as a border's
neighbour.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from service.model_folder import resize

Floats = npt.NDArray[np.float32]
Image = npt.NDArray[np.uint8]


@dataclass(frozen=True, order=True)
class Point:
    """Where a network is evaluated.

    Attributes:
        scale: of the image that the network is fed, per side, in (0, 1].
        budget: that the graph is fed.
    """

    scale: float
    budget: float

    def __post_init__(self) -> None:
        if not (0 < self.scale <= 1 and 0 < self.budget <= 1):
            raise ValueError(f"scale and budget lie in (0, 1], got {self}")

    def __str__(self) -> str:
        return f"{self.scale:.6g}:{self.budget:.6g}"

    @classmethod
    def parse(cls, text: str) -> Point:
        """From "scale:budget". Raises ValueError for another form."""
        scale, budget = text.split(":")
        return cls(float(scale), float(budget))


@dataclass(frozen=True)
class Fit(resize.ResizePlan):
    """Sizes (height, width) of an image: its own, as fed, and as fed with padding."""

    @classmethod
    def of(cls, source: tuple[int, int], scale: float, multiple: int) -> Fit:
        """At `scale` of its size per side, padded to multiples."""
        working_pixels = multiple * max(source) ** 2  # so many that the image's own size is its working size
        plan = resize.plan_resize(*source, working_pixels, multiple, scale)
        return cls(plan.source, plan.fed, plan.padded)

    def feed(self, image: Image) -> Image:
        """The padded image: area-averaged down, its bottom and right edge replicated."""
        height, width = self.fed
        if self.fed != self.source:
            image = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
        bottom, right = self.padded[0] - height, self.padded[1] - width
        return np.pad(image, ((0, bottom), (0, right), (0, 0)), mode="edge") if bottom or right else image

    def extent(self, values: Floats) -> tuple[float, float]:
        """How many rows and columns of an output [h, w, ...] the image covers; the rest saw padding."""
        return (
            values.shape[0] * self.fed[0] / self.padded[0],
            values.shape[1] * self.fed[1] / self.padded[1],
        )

    def resample(self, values: Floats) -> Floats:
        """The output [h, w] or [h, w, C] at the image's own size, bilinear."""
        covered = self.extent(values)
        rows, columns = (int(np.ceil(length)) + 1 for length in covered)
        # Given fx and fy instead of a size, OpenCV keeps the scale exact; what lies beyond is cut off.
        fy, fx = self.source[0] / covered[0], self.source[1] / covered[1]
        needed = np.ascontiguousarray(values[:rows, :columns])
        wide = cv2.resize(needed, None, fx=fx, fy=fy, interpolation=cv2.INTER_LINEAR)
        return np.asarray(wide[: self.source[0], : self.source[1]])
