"""Heads: from the trunk's features to a task's channels."""

from __future__ import annotations

from torch import nn

from model_export.networks.layers import PerforatedConv2d


class Head(nn.Sequential):
    """conv 1x1, norm, ReLU, conv 1x1 with bias.

    Args:
        in_channels: of the features [N, in_channels, h, w].
        hidden: width between the two convolutions.
        out_channels: of the output [N, out_channels, h, w].
    """

    def __init__(self, in_channels: int, hidden: int, out_channels: int) -> None:
        super().__init__(
            PerforatedConv2d(in_channels, hidden, activation="relu"),
            PerforatedConv2d(hidden, out_channels, norm=False),
        )
        nn.init.normal_(self[1].weight, std=0.01)  # type: ignore[arg-type]
