"""LayerWriter: the graph, its convolutions and its gates' masks, shared by the lowerings of layers."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from model_export.export.graph import GraphBuilder
from model_export.networks.layers import PerforatedConv2d


class LayerWriter:
    """A graph, and what the lowerings of layers share.

    Attributes:
        graph: that the nodes are added to.
        masks: gated block's name -> name of its mask, bool [N, h, w].
    """

    def __init__(self, graph: GraphBuilder) -> None:
        self.graph = graph
        self.masks: dict[str, str] = {}

    def conv(
        self, layer: PerforatedConv2d, name: str, x: str, mask: str = "", residual: str = "", **changes: str
    ) -> str:
        """One PerforatedConv node with the batch norm folded into its weights."""
        weight, bias = layer.folded()
        attributes: dict[str, Any] = {
            "strides": [layer.stride] * 2,
            "dilations": [layer.dilation] * 2,
            "pads": list(layer.pads),
            "group": layer.groups,
            "activation": layer.activation,
            "fill": "zero" if layer.fill == "unread" else layer.fill,
        }
        inputs = [
            x,
            self._array(f"{name}.weight", weight.permute(0, 2, 3, 1)),
            self._array(f"{name}.bias", bias),
            mask,
            residual,
        ]
        return self.graph.pag("PerforatedConv", inputs, name, **(attributes | changes))

    def _array(self, name: str, value: Tensor) -> str:
        return self.graph.constant(name, value.detach().float().numpy())
