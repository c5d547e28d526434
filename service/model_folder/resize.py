"""Resize plans: the sizes at which a photograph is fed to a network; arithmetic alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Size = Literal["input", "model"]


@dataclass(frozen=True)
class ResizePlan:
    """Sizes (height, width) of a photograph: as sent, as fed to the network, and as fed with its padding."""

    source: tuple[int, int]
    fed: tuple[int, int]
    padded: tuple[int, int]

    @property
    def pixels(self) -> int:
        """Pixels that the network computes on: those of the padded size."""
        return self.padded[0] * self.padded[1]

    def network_budget(self, budget: float, whole: ResizePlan) -> float:
        """Budget of the graph fed at these sizes that spends `budget` of the work at those of `whole`."""
        return min(1.0, budget * (whole.pixels / self.pixels))

    def target(self, size: Size) -> tuple[int, int]:
        """Height and width of maps of the chosen size."""
        return self.source if size == "input" else self.fed


def plan_resize(
    height: int, width: int, working_pixels: int, multiple: int, scale: float = 1.0
) -> ResizePlan:
    """Sizes at which a photograph of `height` x `width` is fed.

    Its working size is its own, or about `working_pixels` with its aspect kept if it is larger; the long side
    is bounded too, since the short one is padded to `multiple` at least. `scale` in (0,1] makes each side of
    the working size that much smaller.
    """
    longest = max(working_pixels // multiple, multiple)
    fitting = min(1.0, (working_pixels / (height * width)) ** 0.5, longest / max(height, width))
    return _plan((height, width), (height * fitting, width * fitting), multiple, scale)


def plan_scaled(height: int, width: int, multiple: int, scale: float) -> ResizePlan:
    """The same of a photograph whose working size is its own, however large that is."""
    return _plan((height, width), (height, width), multiple, scale)


def _plan(source: tuple[int, int], working: tuple[float, float], multiple: int, scale: float) -> ResizePlan:
    fed_height, fed_width = (max(1, round(side * scale)) for side in working)
    padded = (_round_up(fed_height, multiple), _round_up(fed_width, multiple))
    return ResizePlan(source, (fed_height, fed_width), padded)


def _round_up(side: int, multiple: int) -> int:
    return -(-side // multiple) * multiple
