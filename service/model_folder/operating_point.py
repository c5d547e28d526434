"""The operating point of one image at a budget: its scale first, then the gates; and the exact price."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from service.model_folder.budget import SHARE_TOLERANCE, BudgetSpec
from service.model_folder.geometry import ResizePlan
from service.model_folder.manifest import ModelManifest

Reason = Literal["client", "default", "floor", "deadline", "brownout"]


@dataclass(frozen=True)
class OperatingPoint:
    """The operating point of one image: exact, and known before the work.

    Attributes:
        requested_budget: as requested, share of the full network at the image's working size.
        used_budget: served; above the requested one only where that lies below a floor.
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
    """The operating point of an image of `height` x `width` pixels at `budget` in (0,1].

    The scale is that of the budget's row. Padding makes a small image's saving less than the scale's square:
    where that leaves the gates less than their floor, the next smaller scale is tried, and if none fits the
    gates' floor is served at the smallest.
    """
    floor = manifest.gates_floor
    whole = manifest.plan_resize(height, width)
    used = min(max(budget, manifest.budget.floor), 1.0)
    for scale in scales_at(manifest.budget, used):
        part = manifest.plan_resize(height, width, scale)
        left = part.network_budget(used, whole)
        if fits := left >= floor - SHARE_TOLERANCE:
            break
    area = part.pixels / whole.pixels
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


def scales_at(spec: BudgetSpec, budget: float) -> tuple[float, ...]:
    """Scales for `budget`: its own first, then the ever smaller ones of lower budgets."""
    if not spec.scales:
        return (1.0,)
    reached = [row.scale for row in spec.scales if row.budget <= budget]
    return tuple(reversed(reached)) or (spec.scales[0].scale,)
