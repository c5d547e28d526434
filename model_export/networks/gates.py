"""Pixel-wise attentional gating (PAG): which pixels a block computes (Kong & Fowlkes, WACV 2019)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model_export.op.torch_op import GRID_STRIDE, budget_mask, grid_mask

MODES = ("top_k", "threshold")


@dataclass
class GateRecord:
    """What one training pass through a gate leaves for the sparsity loss, KL(rho || g).

    Attributes:
        ratio: [N], rho: the share of pixels asked for.
        soft_share: [N], g: the mean probability of being computed; differentiable.
    """

    ratio: Tensor
    soft_share: Tensor

    def __deepcopy__(self, _: object) -> GateRecord:
        """Without the graph, which cannot be copied: a network is copied to count its cost."""
        return GateRecord(self.ratio.detach().clone(), self.soft_share.detach().clone())


class BlockGate(nn.Module):
    """What gates of pixels and of layers share: the score's weights, the ratio's offset, the relaxed choice.

    Args:
        in_channels: channels of the block's input.
        stride: of the block.
        temperature: of the relaxed Bernoulli that carries the gradient.
    """

    coarse_stride = 0

    def __init__(self, in_channels: int, stride: int, temperature: float) -> None:
        super().__init__()
        self.stride, self.temperature = stride, temperature
        self.weight = nn.Parameter(torch.randn(1, in_channels, 1, 1) * 0.1 / in_channels**0.5)
        self.bias = nn.Parameter(torch.zeros(1))
        self.offset_scale = nn.Parameter(torch.ones(1))
        self.record: GateRecord | None = None

    def _offset(self, ratio: Tensor) -> Tensor:
        """a(rho), [N, 1, 1]."""
        return (self.offset_scale * torch.logit(ratio.clamp(0.01, 0.99)))[:, None, None]

    def _relaxed(self, logit: Tensor) -> tuple[Tensor, Tensor]:
        """Noise on the logit, the difference of two Gumbels, and the soft choice under it."""
        noise = torch.empty_like(logit).uniform_(1e-5, 1 - 1e-5).logit()
        return noise, torch.sigmoid((logit + noise) / self.temperature)

    def floor(self) -> float:
        """The share of pixels that is computed whatever the ratio, on even-sized maps."""
        return 0.0


def _straight_through(hard: Tensor, soft: Tensor) -> Tensor:
    """The hard choice [N, H, W] as mask [N, 1, H, W], with the soft one's gradient."""
    return (hard.to(soft.dtype) + soft - soft.detach())[:, None]


class Gate(BlockGate):
    """A 1x1 convolution scores each pixel of a block's input; the best-scored share is computed.

    The talk's two logits (compute, bypass) matter only by their difference, which is the score. The share
    enters the logit as a learned offset a(rho), so that sigmoid(logit) is the probability that the gate asks
    for; an offset does not change the order of the pixels, so masks of different budgets are nested.

    Args:
        in_channels: channels of the block's input.
        stride: of the block.
        coarse_stride: 0, or 2: the even grid is always computed (blocks that interpolate).
        temperature: of the relaxed Bernoulli that carries the gradient.
    """

    def __init__(
        self, in_channels: int, *, stride: int = 1, coarse_stride: int = 0, temperature: float = 1.0
    ):
        super().__init__(in_channels, stride, temperature)
        self.coarse_stride, self.mode = coarse_stride, "top_k"

    def score(self, x: Tensor) -> Tensor:
        """Scores [N, Ho, Wo] of the pixels, float32, from the block's input [N, C, H, W]."""
        return F.conv2d(x, self.weight.to(x.dtype), self.bias.to(x.dtype), self.stride)[:, 0].float()

    def forward(self, x: Tensor, ratio: Tensor) -> Tensor:
        """Mask [N, 1, Ho, Wo]: float with a straight-through gradient in training, else bool.

        Args:
            x: [N, C, H, W], the block's input.
            ratio: float [N] in (0, 1], share of the pixels to compute.
        """
        score = self.score(x)
        if not self.training:
            return self._hard(score, ratio)[:, None]
        logit = score + self._offset(ratio)
        noise, soft = self._relaxed(logit)
        self.record = GateRecord(ratio, self._soft_share(torch.sigmoid(logit)))
        return _straight_through(self._hard(score + noise, ratio), soft)

    def _hard(self, score: Tensor, ratio: Tensor) -> Tensor:
        if self.mode == "top_k":
            return budget_mask(score.detach(), ratio, self.coarse_stride)
        mask = score.detach() + self._offset(ratio) > 0
        return mask | self._grid(score) if self.coarse_stride else mask

    def _soft_share(self, probability: Tensor) -> Tensor:
        if self.coarse_stride:
            probability = torch.where(self._grid(probability), 1.0, probability)
        return probability.mean((1, 2))

    @staticmethod
    def _grid(score: Tensor) -> Tensor:
        return grid_mask(score.shape[1], score.shape[2], score.device)

    def floor(self) -> float:
        """A quarter where the even grid is always computed."""
        return 1.0 / GRID_STRIDE**2 if self.coarse_stride else 0.0


class LayerGate(BlockGate):
    """Runs or skips a whole block, image by image: layer skipping, the talk's baseline for pixel-wise gates.

    The score is a 1x1 convolution of the mean over all pixels; the block runs where score + a(rho) > 0, so
    the ratio holds on average over images, not for each; at ratio 1 every block runs.

    Args:
        in_channels: channels of the block's input.
        stride: of the block.
        temperature: of the relaxed Bernoulli that carries the gradient.
    """

    mode = "threshold"

    def __init__(self, in_channels: int, *, stride: int = 1, temperature: float = 1.0) -> None:
        super().__init__(in_channels, stride, temperature)

    def forward(self, x: Tensor, ratio: Tensor) -> Tensor:
        """Mask [N, 1, Ho, Wo], the same at every pixel of an image: float in training, else bool."""
        score = F.conv2d(x.mean((2, 3), keepdim=True).float(), self.weight, self.bias)[:, 0]
        logit = score + self._offset(ratio)
        size = [-(-side // self.stride) for side in x.shape[2:]]
        if not self.training:
            return ((logit > 0) | (ratio >= 1)[:, None, None])[:, None].expand(-1, -1, *size)
        noise, soft = self._relaxed(logit)
        self.record = GateRecord(ratio, torch.sigmoid(logit).flatten())
        return _straight_through(logit + noise > 0, soft).expand(-1, -1, *size)
