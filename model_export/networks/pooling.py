"""MultiPool: each pixel pools over the dilation that suits it (the talk's attention to scale, with PAG)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model_export.networks.layers import PerforatedConv2d

DILATIONS = (0, 1, 2, 4, 6, 8, 10)
MODES = ("average", "weighted", "pag")


class MultiPool(nn.Module):
    """Replaces a block's 3x3 convolution by branches of several dilations; 0 copies the input.

    mode "average" takes the mean of the branches, "weighted" their softmax-weighted sum, "pag" one branch a
    pixel, chosen by Gumbel straight-through in training and by argmax in evaluation, so that it costs what
    one 3x3 convolution costs.

    Args:
        channels: of input and output.
        hidden: widths of the two hidden layers of the attention head (128, 32 in the talk).
        mode: one of MODES; may be changed between training stages.
        temperature: of the Gumbel softmax.
    """

    def __init__(
        self,
        channels: int,
        *,
        hidden: tuple[int, int] = (128, 32),
        mode: str = "pag",
        temperature: float = 1.0,
    ) -> None:
        super().__init__()
        if mode not in MODES:
            raise ValueError(f"mode must be one of {MODES}, got {mode!r}")
        self.mode, self.temperature = mode, temperature
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
            return self._outputs(x, mask).mean(1)
        logits = self.head(x)
        if self.mode == "pag" and not self.training:
            return self._one_branch(x, logits, mask)
        outputs = self._outputs(x, None if self.training else mask)
        return (self._weights(logits).to(outputs.dtype)[:, :, None] * outputs).sum(1)

    def _outputs(self, x: Tensor, mask: Tensor | None) -> Tensor:
        return torch.stack([x, *(branch(x, mask) for branch in self.branches)], 1)

    def _weights(self, logits: Tensor) -> Tensor:
        if self.mode == "weighted":
            return torch.softmax(logits.float(), 1)
        return F.gumbel_softmax(logits.float(), tau=self.temperature, hard=True, dim=1)

    def _one_branch(self, x: Tensor, logits: Tensor, mask: Tensor | None) -> Tensor:
        choice = logits.argmax(1, keepdim=True)
        result = torch.where(choice == 0, x, torch.zeros_like(x))
        for index, branch in enumerate(self.branches, start=1):
            chosen = choice == index
            result = branch(x, chosen if mask is None else chosen & mask, result)
        return result
