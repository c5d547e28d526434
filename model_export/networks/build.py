"""NETWORKS: name -> builder; the whole architecture of each network in one function."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import nn

from model_export.networks.efficientnet_lite import BLOCKS, EfficientNetLite0, load_imagenet
from model_export.networks.parser import DenseParser, build_decoder, build_trunk
from model_export.networks.resnet import ResNet
from model_export.networks.task_heads import TaskHeads
from model_export.networks.tasks import DEFAULT_TASKS


def efficientnet_lite0(
    *,
    skipped: str = "interpolate",
    gated: bool = True,
    multipool: str | None = "pag",
    context: bool = True,
    encoder_blocks: int = BLOCKS,
    pretrained: bool = True,
    classes: int = 40,
    tasks: Sequence[str] = DEFAULT_TASKS,
) -> DenseParser:
    """The default network: an ImageNet encoder at output stride 16, trunk at 16, decoder at 8."""
    encoder = EfficientNetLite0(skipped=skipped, gated=gated, blocks=encoder_blocks)
    if pretrained and (missing := load_imagenet(encoder)):
        raise ValueError(f"the ImageNet state dict lacks {missing}")
    return DenseParser(
        encoder,
        build_trunk(192, 96, skipped=skipped, gated=gated, multipool=multipool),
        build_decoder(96, 48, blocks=2, skipped=skipped, gated=gated),
        TaskHeads(96, classes=classes, tasks=tasks),
        trunk_channels=192,
        decoder_channels=96,
        context=context,
    )


def resnet(
    *,
    depth: int = 50,
    width: float = 1.0,
    output_stride: int = 8,
    skipped: str = "interpolate",
    gated: bool = True,
    multipool: str | None = "pag",
    classes: int = 40,
    tasks: Sequence[str] = DEFAULT_TASKS,
) -> DenseParser:
    """The talk's network: ResNet with MultiPool at res5_2, a 512-channel res6 head, decoder at stride 8."""
    encoder = ResNet(
        depth=depth,
        width=width,
        output_stride=output_stride,
        skipped=skipped,
        gated=gated,
        multipool=multipool,
    )
    channels = round(512 * width)
    return DenseParser(
        encoder,
        nn.ModuleList(),
        build_decoder(channels, channels // 4, blocks=1, skipped=skipped, gated=gated),
        TaskHeads(channels, classes=classes, tasks=tasks),
        trunk_channels=channels,
        decoder_channels=channels,
    )


def resnet26(**options: object) -> DenseParser:
    """ResNet-26 in place of ResNet-50; options as for resnet."""
    return resnet(depth=26, **options)  # type: ignore[arg-type]


NETWORKS: dict[str, Callable[..., DenseParser]] = {
    "efficientnet_lite0": efficientnet_lite0,
    "resnet50": resnet,
    "resnet26": resnet26,
}


def build(name: str, **options: object) -> DenseParser:
    """The network of that name with random heads; options are those of its builder.

    Every builder takes `classes`, the number of semantic classes, and `tasks`, one or more of TASKS.

    Raises:
        ValueError: no such network.
    """
    if name not in NETWORKS:
        raise ValueError(f"no network {name!r}; there are {sorted(NETWORKS)}")
    return NETWORKS[name](**options)
