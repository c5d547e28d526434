"""What one image is computed with at a budget: its scale first, then the gates; and the exact price."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from service.model_folder.budget import SHARE_TOLERANCE, network_budget
from service.model_folder.manifest import ModelManifest
from service.model_folder.resize import ResizePlan

Reason = Literal["client", "default", "floor", "deadline", "brownout"]


@dataclass(frozen=True)
class OperatingPoint:
    """The point of the knob that serves one image; exact, known before the work.

    Attributes:
        requested_budget: asked for, share of the full network at the image's working size.
        used_budget: served; above the one asked for only where a floor is.
        scale: of the working size, per side.
        resize: sizes of the image at that scale.
        network_budget: what the graph is fed, share of the full network at the size of `resize`.
        share: spent of the full network at the working size, at most `used_budget`.
        multiply_adds: spent.
        pixels: at all gates together, computed and in all.
        limit: what set the budget that was allowed: "client", "default", "deadline" or "brownout".
    """

    requested_budget: float
    used_budget: float
    scale: float
    resize: ResizePlan
    network_budget: float
    share: float
    multiply_adds: int
    pixels: tuple[int, int]
    limit: Reason = "client"

    @property
    def reason(self) -> Reason:
        """Why this budget is used."""
        return "floor" if self.used_budget > self.requested_budget else self.limit


def operating_point(manifest: ModelManifest, budget: float, height: int, width: int) -> OperatingPoint:
    """Where `budget` in (0,1] brings an image of `height` x `width` pixels.

    The scale is that of the budget's row. Padding makes a small image's saving less than the scale's square:
    where that leaves the gates less than their floor, the next smaller scale is tried, and if none fits the
    gates' floor is served at the smallest.
    """
    floor = manifest.budget.gates_floor
    full = manifest.plan_resize(height, width)
    used = min(max(budget, manifest.budget.floor), 1.0)
    for scale in manifest.budget.scales_at(used):
        part = manifest.plan_resize(height, width, scale)
        left = network_budget(used, full, part)
        if fits := left >= floor - SHARE_TOLERANCE:
            break
    area = part.pixels / full.pixels
    left = max(left, floor)
    return OperatingPoint(
        requested_budget=budget,
        used_budget=used if fits else floor * area,
        scale=scale,
        resize=part,
        network_budget=left,
        share=area * manifest.share(left, *part.padded),
        multiply_adds=manifest.multiply_adds_at(left, *part.padded),
        pixels=manifest.gate_pixels(left, *part.padded),
    )
