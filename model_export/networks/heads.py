"""Task heads on the shared trunk: semantics, log-depth, unit normals."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model_export.networks.layers import PerforatedConv2d

DEPTH_CENTRE_METRES = 2.5
DEPTH_RANGE_METRES = (0.3, 12.0)


class Head(nn.Sequential):
    """conv 1x1, norm, ReLU, conv 1x1 with bias."""

    def __init__(self, in_channels: int, hidden: int, out_channels: int) -> None:
        super().__init__(
            PerforatedConv2d(in_channels, hidden, activation="relu"),
            PerforatedConv2d(hidden, out_channels, norm=False),
        )
        nn.init.normal_(self[1].weight, std=0.01)  # type: ignore[arg-type]


class TaskHeads(nn.Module):
    """One head per task; the outputs' meaning is fixed here, for training, export and serving.

    Args:
        in_channels: of the trunk's features.
        hidden: width of each head.
        classes: number of semantic classes.
    """

    def __init__(self, in_channels: int, *, hidden: int = 64, classes: int = 40) -> None:
        super().__init__()
        self.semantics = Head(in_channels, hidden, classes)
        self.depth = Head(in_channels, hidden, 1)
        self.normals = Head(in_channels, hidden, 3)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(semantic logits [N, K, h, w], log of depth in metres [N, 1, h, w], unit normals [N, 3, h, w])."""
        log_depth = (self.depth(features) + math.log(DEPTH_CENTRE_METRES)).float()
        low, high = (math.log(metres) for metres in DEPTH_RANGE_METRES)
        normals = F.normalize(self.normals(features).float(), dim=1, eps=1e-6)
        return self.semantics(features), torch.clamp(log_depth, low, high), normals
