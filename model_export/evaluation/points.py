"""Points of evaluation: the scale of the image and the budget that the graph is fed."""

from __future__ import annotations

from dataclasses import dataclass


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
