"""Gated blocks are the composition of operators that their way of skipping promises."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model_export.networks.blocks import SKIPPED, Bottleneck, InvertedBottleneck
from model_export.networks.layers import PerforatedConv2d
from model_export.op.torch_op import interpolate_from_grid, perforated_conv

Block = Bottleneck | InvertedBottleneck

BLOCKS: dict[str, Callable[[str], Block]] = {
    "bottleneck": lambda skipped: Bottleneck(8, 6, 8, dilation=2, skipped=skipped),
    "strided bottleneck": lambda skipped: Bottleneck(8, 4, 12, stride=2, skipped=skipped),
    "wide bottleneck": lambda skipped: Bottleneck(8, 12, 8, skipped=skipped),
    "inverted": lambda skipped: InvertedBottleneck(
        8, 8, kernel_size=5, expansion=6, dilation=2, skipped=skipped
    ),
}
X = torch.rand(2, 8, 12, 16, generator=torch.Generator().manual_seed(1))
RATIOS = {"": torch.tensor([0.5, 0.7])}
# A layer gate runs an image or not: these ratios ask for one of each, whatever their scores.
FAR_RATIOS = {"": torch.tensor([0.01, 0.99])}
# Sums of at most 432 float32 products of order one, in another order.
TOLERANCE = {"rtol": 1e-4, "atol": 1e-5}


@pytest.fixture(params=BLOCKS)
def make(request: pytest.FixtureRequest, randomise: Callable[[nn.Module], None]) -> Callable[[str], Block]:
    """Way of skipping -> a random block in evaluation mode with its statistics frozen."""

    def build(skipped: str) -> Block:
        torch.manual_seed(2)
        block = BLOCKS[request.param](skipped)
        randomise(block)
        for layer in block.modules():
            if isinstance(layer, PerforatedConv2d):
                layer.statistics_frozen = True
        return block.eval()

    return build


def op(
    layer: PerforatedConv2d, x: Tensor, mask: Tensor | None, fill: str, residual: Tensor | None = None
) -> Tensor:
    """pag::PerforatedConv with a layer's folded weights."""
    return perforated_conv(
        x, *layer.folded(), mask, residual, stride=(layer.stride,) * 2, dilation=(layer.dilation,) * 2,
        padding=layer.pads, groups=layer.groups, activation=layer.activation, fill=fill,
    )  # fmt: skip


def shortcut(block: Block) -> Tensor:
    if isinstance(block, InvertedBottleneck) or block.shortcut is None:
        return X
    return op(block.shortcut, X, None, "zero")


def composed(block: Block, mask: Tensor) -> Tensor:
    """The block as its three operators."""
    if block.skipped == "interpolate":
        y = op(block.first, X, mask, "interpolate")
        return op(block.last, op(block.middle, y, mask, "zero"), mask, "interpolate", shortcut(block))
    y = op(block.first, X, mask if block.skipped == "layer" else None, "zero")
    z = op(block.middle, y, mask, "zero")
    if block.skipped in ("skip", "layer"):
        return op(block.last, z, mask, "zero", shortcut(block))
    return op(block.last, torch.where(mask, z, y), None, "zero", shortcut(block))


@pytest.mark.parametrize("skipped", SKIPPED)
def test_a_block_is_its_operators_under_the_gate_s_mask(make: Callable[[str], Block], skipped: str) -> None:
    block = make(skipped)
    ratios = FAR_RATIOS if skipped == "layer" else RATIOS
    mask = block.mask(X, ratios)
    assert mask is not None and mask.dtype == torch.bool and 0 < mask.float().mean() < 1
    torch.testing.assert_close(block(X, ratios), composed(block, mask), **TOLERANCE)


@pytest.mark.parametrize("skipped", SKIPPED)
def test_ratio_1_is_the_dense_pass_exactly(make: Callable[[str], Block], skipped: str) -> None:
    block = make(skipped)
    assert torch.equal(block(X, {"": torch.ones(2)}), block(X))


@pytest.mark.parametrize("skipped", SKIPPED)
def test_the_dense_pass_does_not_depend_on_the_way_of_skipping(
    make: Callable[[str], Block], skipped: str
) -> None:
    torch.testing.assert_close(make(skipped)(X), make("skip")(X), rtol=0, atol=0)


@pytest.mark.parametrize("skipped", SKIPPED)
def test_training_computes_what_evaluation_computes_under_the_same_mask(
    make: Callable[[str], Block], skipped: str
) -> None:
    block = make(skipped).train()
    masks: list[Tensor] = []
    block.gate.register_forward_hook(lambda _, __, mask: masks.append(mask.detach() > 0.5))
    trained = block(X, RATIOS)
    torch.testing.assert_close(trained, composed(block.eval(), masks[0]), **TOLERANCE)


@pytest.mark.parametrize("skipped", SKIPPED)
def test_the_gate_learns_from_the_block_s_output(make: Callable[[str], Block], skipped: str) -> None:
    block = make(skipped).train()
    block(X, RATIOS).square().sum().backward()
    assert block.gate.weight.grad is not None and block.gate.weight.grad.abs().sum() > 0


def test_skip_leaves_the_shortcut_alone_at_skipped_pixels(make: Callable[[str], Block]) -> None:
    block = make("skip")
    outside = ~block.mask(X, RATIOS)
    activate = F.relu if isinstance(block, Bottleneck) else (lambda v: v)
    want = activate(shortcut(block))
    where = outside.expand_as(want)
    torch.testing.assert_close(block(X, RATIOS)[where], want[where], rtol=0, atol=1e-6)


def test_a_skipped_layer_leaves_its_image_to_the_shortcut(make: Callable[[str], Block]) -> None:
    block = make("layer")
    assert block.mask(X, FAR_RATIOS)[:, 0, 0, 0].tolist() == [False, True]
    activate = F.relu if isinstance(block, Bottleneck) else (lambda v: v)
    y = block(X, FAR_RATIOS)
    torch.testing.assert_close(y[0], activate(shortcut(block))[0], rtol=0, atol=1e-6)
    torch.testing.assert_close(y[1], block(X)[1], **TOLERANCE)


def test_bypass_runs_the_last_convolution_on_the_bypassed_input(make: Callable[[str], Block]) -> None:
    block = make("bypass")
    outside = ~block.mask(X, RATIOS)
    want = op(block.last, op(block.first, X, None, "zero"), None, "zero", shortcut(block))
    where = outside.expand_as(want)
    torch.testing.assert_close(block(X, RATIOS)[where], want[where], **TOLERANCE)


def test_interpolate_at_the_floor_is_the_grid_and_its_interpolation(randomise) -> None:
    block = InvertedBottleneck(8, 8, kernel_size=3, expansion=6)
    randomise(block)
    branch = block.eval()(X, {"": torch.full((2,), 0.01)}) - X
    torch.testing.assert_close(branch, interpolate_from_grid(branch), **TOLERANCE)
    assert branch.std() > 0.1


def test_only_the_first_1x1_of_a_bottleneck_is_strided() -> None:
    """The talk's layout: both operands of its mixing layer have the block's output size."""
    block = Bottleneck(8, 4, 12, stride=2).eval()
    sizes: list[torch.Size] = []
    block.first.register_forward_hook(lambda _, __, y: sizes.append(y.shape))
    block(X)
    assert sizes == [torch.Size([2, 4, 6, 8])]


@pytest.mark.parametrize(
    ("options", "gated"),
    [
        ({"skipped": "interpolate"}, True),
        ({"skipped": "interpolate", "stride": 2}, False),
        ({"skipped": "skip"}, False),
        ({"skipped": "skip", "same": True}, True),
        ({"skipped": "layer"}, False),
        ({"skipped": "layer", "same": True}, True),
        ({"skipped": "skip", "same": True, "gated": False}, False),
    ],
)
def test_an_inverted_bottleneck_has_a_gate_where_skipping_means_something(options, gated: bool) -> None:
    options = dict(options)
    out = 8 if options.pop("same", False) else 12
    block = InvertedBottleneck(8, out, kernel_size=3, expansion=6, **options)
    assert (block.gate is not None) == gated


def test_an_unknown_way_of_skipping_is_refused() -> None:
    with pytest.raises(ValueError, match="repeat"):
        Bottleneck(8, 4, 8, skipped="repeat")
