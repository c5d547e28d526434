"""Task heads on the shared trunk: semantics, log-depth, unit normals."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model_export.networks.layers import PerforatedConv2d

TASKS = ("semantics", "depth", "normals")
MOST_CLASSES = 255
"""A label is a byte, and one value is kept for void."""
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
        tasks: which of TASKS have a head; the others' maps are None.

    Raises:
        ValueError: no task, an unknown one, or a number of classes that labels of a byte cannot tell apart.
    """

    semantics: Head
    depth: Head
    normals: Head

    def __init__(
        self, in_channels: int, *, hidden: int = 64, classes: int = 40, tasks: Sequence[str] = TASKS
    ) -> None:
        super().__init__()
        self.tasks = _checked(tasks)
        if not 1 <= classes <= MOST_CLASSES:
            raise ValueError(f"classes must be 1 to {MOST_CLASSES}, got {classes}")
        self.classes = classes if "semantics" in self.tasks else 0
        channels = {"semantics": classes, "depth": 1, "normals": 3}
        for task in self.tasks:
            self.add_module(task, Head(in_channels, hidden, channels[task]))

    def forward(self, features: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        """(semantic logits [N, K, h, w], log of depth in metres [N, 1, h, w], unit normals [N, 3, h, w])."""
        logits = log_depth = normals = None
        # Nodes of an exported graph have this order; a model exported again shall be the same bytes.
        if "depth" in self.tasks:
            log_depth = (self.depth(features) + math.log(DEPTH_CENTRE_METRES)).float()
        if "normals" in self.tasks:
            normals = F.normalize(self.normals(features).float(), dim=1, eps=1e-6)
        if "semantics" in self.tasks:
            logits = self.semantics(features)
        return logits, None if log_depth is None else _within_range(log_depth), normals


def _within_range(log_depth: Tensor) -> Tensor:
    low, high = (math.log(metres) for metres in DEPTH_RANGE_METRES)
    return torch.clamp(log_depth, low, high)


def _checked(tasks: Sequence[str]) -> tuple[str, ...]:
    """The tasks in the order of TASKS."""
    given = [tasks] if isinstance(tasks, str) else list(tasks)
    if not given or set(given) - set(TASKS):
        raise ValueError(f"tasks must be one or more of {', '.join(TASKS)}, got {given}")
    return tuple(task for task in TASKS if task in given)
