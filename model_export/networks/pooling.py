"""MultiPool: each pixel pools over the dilation that suits it (the talk's attention to scale, with PAG)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model_export.networks.layers import PerforatedConv2d

DILATIONS = (0, 1, 2, 4, 6, 8, 10)
MODES = ("average", "weighted", "pag")
LEAST_TEMPERATURE = 0.1
SOFT_PART = 0.5
"""Share of the training in which the temperature falls from 1 to the least."""


class MultiPool(nn.Module):
    """Replaces a block's 3x3 convolution by branches of several dilations; 0 copies the input.

    mode "average" takes the mean of the branches, "weighted" their softmax-weighted sum, "pag" one branch a
    pixel, that of the largest logit, so that it costs what one 3x3 convolution costs. In training "pag"
    begins as the weighted sum, whose weights `anneal` sharpens; then the choice is hard, its gradient that of
    the softmax. Noise on the logits, as in the talk, cost 2 degrees of normals in a short second stage.

    Args:
        channels: of input and output.
        hidden: widths of the two hidden layers of the attention head (128, 32 in the talk).
        mode: one of MODES; may be changed between training stages.
    """

    def __init__(
        self,
        channels: int,
        *,
        hidden: tuple[int, int] = (128, 32),
        mode: str = "pag",
    ) -> None:
        super().__init__()
        if mode not in MODES:
            raise ValueError(f"mode must be one of {MODES}, got {mode!r}")
        self.mode, self.temperature, self.hard = mode, LEAST_TEMPERATURE, True
        self.branches = nn.ModuleList(
            PerforatedConv2d(channels, channels, 3, dilation=dilation, activation="relu")
            for dilation in DILATIONS[1:]
        )
        for branch in list(self.branches)[1:]:
            branch.load_state_dict(self.branches[0].state_dict())
        self.head = nn.Sequential(
            PerforatedConv2d(channels, hidden[0], activation="relu"),
            PerforatedConv2d(hidden[0], hidden[1], 3, activation="relu"),
            PerforatedConv2d(hidden[1], len(DILATIONS), norm=False),
        )

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """[N, C, H, W] from the same shape, x >= 0; outside the mask [N, 1, H, W] nothing may be read."""
        if self.mode == "average":
            return self._outputs(x).mean(1)
        logits = self.head(x)
        if self.mode == "pag" and not self.training:
            return self._one_branch(x, logits, mask)
        outputs = self._outputs(x)
        return (self._weights(logits).to(outputs.dtype)[:, :, None] * outputs).sum(1)

    def _outputs(self, x: Tensor) -> Tensor:
        return torch.stack([x, *(branch(x) for branch in self.branches)], 1)

    def anneal(self, progress: float) -> None:
        """Temperature and hardness of mode "pag" at a share of the training, in [0, 1]."""
        self.temperature = max(LEAST_TEMPERATURE, LEAST_TEMPERATURE ** (progress / SOFT_PART))
        self.hard = progress >= SOFT_PART

    def _weights(self, logits: Tensor) -> Tensor:
        if self.mode == "weighted":
            return torch.softmax(logits.float(), 1)
        soft = torch.softmax(logits.float() / self.temperature, 1)
        if not self.hard:
            return soft
        one = F.one_hot(logits.argmax(1), len(DILATIONS)).permute(0, 3, 1, 2)
        return one + soft - soft.detach()

    def _one_branch(self, x: Tensor, logits: Tensor, mask: Tensor | None) -> Tensor:
        choice = logits.argmax(1, keepdim=True)
        result = torch.where(choice == 0, x, torch.zeros_like(x))
        for index, branch in enumerate(self.branches, start=1):
            chosen = choice == index
            result = branch(x, chosen if mask is None else chosen & mask, result)
        return result
