"""DenseParser: encoder, gated trunk with MultiPool, decoder and task heads."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from model_export.common.sizes import OUTPUT_STRIDE
from model_export.networks.blocks import Bottleneck
from model_export.networks.efficientnet_lite import EfficientNetLite0
from model_export.networks.gates import BlockGate
from model_export.networks.layers import PerforatedConv2d
from model_export.networks.pooling import MultiPool
from model_export.networks.resnet import ResNet
from model_export.networks.task_heads import TaskHeads
from model_export.networks.tasks import Maps


class SceneContext(nn.Module):
    """Two 1x1 layers on the mean over all pixels; adds nothing at first."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.first = PerforatedConv2d(in_channels, out_channels, activation="relu", norm=False)
        self.last = PerforatedConv2d(out_channels, out_channels, norm=False)
        nn.init.zeros_(self.last.weight)

    def forward(self, x: Tensor) -> Tensor:
        """[N, out_channels, 1, 1] from [N, in_channels, H, W]."""
        return self.last(self.first(x.mean((2, 3), keepdim=True)))  # type: ignore[no-any-return]


class DenseParser(nn.Module):
    """Image to the maps of its tasks; every gate's ratio may be given per image.

    Args:
        encoder: gives features of stride 8 and of its own output stride.
        trunk: gated residual blocks on the coarsest features, the second of them with MultiPool.
        decoder: gated residual blocks at stride 8.
        heads: task heads.
        trunk_channels, decoder_channels: of the residual stream in each part.
        context: adds a term from the mean of the coarsest features to every pixel.
    """

    def __init__(
        self,
        encoder: EfficientNetLite0 | ResNet,
        trunk: nn.ModuleList,
        decoder: nn.ModuleList,
        heads: TaskHeads,
        *,
        trunk_channels: int,
        decoder_channels: int,
        context: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.reduce = PerforatedConv2d(encoder.top_channels, trunk_channels, activation="relu")
        self.context = SceneContext(encoder.top_channels, trunk_channels) if context else None
        self.trunk = trunk
        self.top = PerforatedConv2d(trunk_channels, decoder_channels)
        self.lateral = PerforatedConv2d(encoder.fine_channels, decoder_channels)
        self.decoder = decoder
        self.heads = heads
        self.upsampling = encoder.top_stride // OUTPUT_STRIDE
        for name, block in self._gated_blocks():
            block.gate_name = name  # type: ignore[assignment]

    def _gated_blocks(self) -> list[tuple[str, nn.Module]]:
        return [(n, m) for n, m in self.named_modules() if isinstance(getattr(m, "gate", None), BlockGate)]

    def gates(self) -> dict[str, BlockGate]:
        """Gate of each gated block by the block's name, in the order of execution."""
        return {name: block.gate for name, block in self._gated_blocks()}  # type: ignore[misc]

    def multipools(self) -> list[MultiPool]:
        """Every MultiPool, in the order of execution."""
        return [module for module in self.modules() if isinstance(module, MultiPool)]

    def freeze_statistics(self, *, encoder_only: bool) -> None:
        """Batch norms keep their stored statistics from now on; scale and shift go on being trained.

        Statistics of a pixel-sparse map depend on the budget, so they are frozen before gates are trained.
        """
        part = self.encoder if encoder_only else self
        for module in part.modules():
            if isinstance(module, PerforatedConv2d):
                module.statistics_frozen = True
        self.train(self.training)

    def forward(self, image: Tensor, ratios: dict[str, Tensor] | None = None) -> Maps:
        """Maps at stride 8.

        Args:
            image: [N, 3, H, W], as pixels.normalise gives it; H and W multiples of SIZE_MULTIPLE.
            ratios: gate name -> [N], share of pixels that the block computes; None runs every block densely.
        """
        fine, x = self.encoder(image, ratios)
        reduced = self.reduce(x)
        x = reduced if self.context is None else F.relu(reduced + self.context(x))
        for block in self.trunk:
            x = block(x, ratios)
        x = self.top(x)
        if self.upsampling > 1:
            x = F.interpolate(x, scale_factor=float(self.upsampling), mode="bilinear", align_corners=False)
        x = F.relu(x + self.lateral(fine))
        for block in self.decoder:
            x = block(x, ratios)
        maps: Maps = self.heads(x)
        return maps


def build_trunk(
    channels: int, width: int, *, skipped: str, gated: bool, multipool: str | None
) -> nn.ModuleList:
    """Two bottlenecks; the second pools over dilations by MultiPool of the given mode."""
    pool = MultiPool(width, hidden=(32, 16), mode=multipool) if multipool else None
    return nn.ModuleList(
        [
            Bottleneck(channels, width, channels, skipped=skipped, gated=gated),
            Bottleneck(channels, width, channels, skipped=skipped, gated=gated, multipool=pool),
        ]
    )


def build_decoder(channels: int, width: int, *, blocks: int, skipped: str, gated: bool) -> nn.ModuleList:
    """Bottlenecks at stride 8."""
    return nn.ModuleList(
        Bottleneck(channels, width, channels, skipped=skipped, gated=gated) for _ in range(blocks)
    )
