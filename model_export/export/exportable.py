"""ExportableParser: a network with its budget table, from uint8 image and budget to maps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model_export.common.sizes import OUTPUT_STRIDE
from model_export.export.budget_table import BudgetTable, equal_ratios
from model_export.networks.cost import NetworkCost, count
from model_export.networks.layers import PerforatedConv2d
from model_export.networks.parser import DenseParser
from model_export.networks.pixels import normalise
from model_export.networks.tasks import TASKS

COMPUTED = "computed"
"""Name of the map and of the graph's output that tell where the gated work of an image went."""


class ExportableParser(nn.Module):
    """A trained DenseParser with its budget table.

    Args:
        network: trained; put into evaluation mode here, its norms folded, its weights rounded to bfloat16.
        table: budget -> ratios; equal ratios if not given. A network without gates has budget 1 alone.
    """

    def __init__(self, network: DenseParser, table: BudgetTable | None = None) -> None:
        super().__init__()
        self.network = network.eval()
        for module in network.modules():
            if isinstance(module, PerforatedConv2d):
                module.fold_norm()
        self.cost: NetworkCost = count(network)
        self.table = table or equal_ratios(self.cost)
        self.weights = gate_weights(self.cost)
        self.strides = gate_strides(network)

    def forward(self, image: Tensor, budget: Tensor) -> dict[str, Tensor]:
        """Outputs of the graph by name, float32 at stride 8: of each task, and `computed` [N, h, w].

        Args:
            image: uint8 [N, H, W, 3], sides multiples of SIZE_MULTIPLE.
            budget: float32 [N].
        """
        with _recorded_masks(self.network) as masks:
            maps = self.network(normalise(image), self.table.lookup(budget))
        outputs = {TASKS[task].output: TASKS[task].served(value) for task, value in maps.items()}
        height, width = (side // OUTPUT_STRIDE for side in image.shape[1:3])
        return outputs | {COMPUTED: self._computed(masks, height, width, image.shape[0])}

    def _computed(self, masks: dict[str, Tensor], height: int, width: int, images: int) -> Tensor:
        total = torch.zeros(images, 1, height, width) if masks else torch.ones(images, 1, height, width)
        for name, mask in masks.items():
            weighted = mask.float() * self.weights[name]
            stride = height / mask.shape[2]
            total += (
                F.avg_pool2d(weighted, round(1 / stride))
                if stride < 1
                else F.interpolate(weighted, scale_factor=stride, mode="nearest")
            )
        return total[:, 0]


def gate_weights(cost: NetworkCost) -> dict[str, float]:
    """Gate name -> its part of all gated multiply-adds; sums to 1 over the gates."""
    gated = cost.gated()
    return {name: macs / sum(gated.values()) for name, macs in gated.items()}


def gate_strides(network: DenseParser) -> dict[str, int]:
    """Gate name -> input pixels per pixel of its mask, along one axis."""
    side = OUTPUT_STRIDE * 8
    image, ones = torch.zeros(1, 3, side, side), {name: torch.ones(1) for name in network.gates()}
    with torch.no_grad(), _recorded_masks(network) as masks:
        network.eval()(image, ones)
    return {name: side // mask.shape[2] for name, mask in masks.items()}


@contextmanager
def _recorded_masks(network: DenseParser) -> Iterator[dict[str, Tensor]]:
    """Within the context, the mask that each gate gives: gate name -> [N, 1, h, w], as they come."""
    masks: dict[str, Tensor] = {}
    handles = [gate.register_forward_hook(_keep(masks, name)) for name, gate in network.gates().items()]
    try:
        yield masks
    finally:
        for handle in handles:
            handle.remove()


def _keep(masks: dict[str, Tensor], name: str) -> Any:
    def hook(_: nn.Module, __: Any, mask: Tensor) -> None:
        masks[name] = mask

    return hook
