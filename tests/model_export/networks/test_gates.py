"""Gates compute exactly the share asked for, nested over budgets, and learn through the hard mask."""

from __future__ import annotations

import copy
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model_export.networks.gates import Gate, LayerGate
from model_export.op.torch_op import grid_mask


def gate_of(coarse_stride: int = 0, stride: int = 1, channels: int = 6) -> Gate:
    gate = Gate(channels, stride=stride, coarse_stride=coarse_stride).eval()
    torch.nn.init.normal_(gate.weight)
    return gate


def counts(mask: torch.Tensor) -> list[int]:
    return [int(n) for n in mask.bool().sum((1, 2, 3))]


@settings(max_examples=50, deadline=None)
@given(
    ratios=st.lists(st.floats(1 / 64, 1, width=32), min_size=1, max_size=3),
    coarse_stride=st.sampled_from([0, 2]),
    stride=st.sampled_from([1, 2]),
    training=st.booleans(),
)
def test_each_image_computes_exactly_the_floor_of_its_share(
    ratios: list[float], coarse_stride: int, stride: int, training: bool
) -> None:
    gate = gate_of(coarse_stride, stride).train(training)
    mask = gate(torch.randn(len(ratios), 6, 8 * stride, 10 * stride), torch.tensor(ratios))
    assert mask.shape == (len(ratios), 1, 8, 10)
    grid = 20 if coarse_stride else 0
    assert counts(mask) == [max(int(torch.tensor(r) * 80), grid) for r in ratios]
    if coarse_stride:
        assert mask.bool()[:, 0, grid_mask(8, 10)].all()


@pytest.mark.parametrize("coarse_stride", [0, 2])
def test_a_mask_depends_on_its_own_image_alone(coarse_stride: int) -> None:
    gate, x, ratio = gate_of(coarse_stride), torch.randn(3, 6, 8, 10), torch.tensor([0.3, 0.7, 0.5])
    together = gate(x, ratio)
    for image in range(3):
        assert torch.equal(together[image], gate(x[image : image + 1], ratio[image : image + 1])[0])


@pytest.mark.parametrize("coarse_stride", [0, 2])
@pytest.mark.parametrize("mode", ["top_k", "threshold"])
def test_masks_of_growing_ratios_are_nested(mode: str, coarse_stride: int) -> None:
    gate, x = gate_of(coarse_stride), torch.randn(1, 6, 12, 14)
    gate.mode = mode
    masks = [gate(x, torch.tensor([ratio])) for ratio in (0.26, 0.3, 0.5, 0.51, 0.8, 1.0)]
    for smaller, larger in pairwise(masks):
        assert not (smaller & ~larger).any()
        assert smaller.sum() <= larger.sum()


def test_the_best_scored_pixels_are_computed() -> None:
    gate, x = gate_of(), torch.randn(1, 6, 8, 10)
    mask, score = gate(x, torch.tensor([0.4]))[:, 0], gate.score(x)
    assert score[mask].min() > score[~mask].max()


@pytest.mark.parametrize("coarse_stride", [0, 2])
def test_threshold_mode_computes_where_computing_is_the_likelier(coarse_stride: int) -> None:
    gate, x = gate_of(coarse_stride), torch.randn(1, 6, 8, 10)
    gate.mode = "threshold"
    mask = gate(x, torch.tensor([0.5]))[0, 0]
    grid = grid_mask(8, 10) if coarse_stride else torch.zeros(8, 10, dtype=torch.bool)
    # At a ratio of one half the offset is zero: the score itself is the logit.
    assert torch.equal(mask, (gate.score(x)[0] > 0) | grid)


def test_training_gives_a_hard_mask_whose_gradient_reaches_the_gate() -> None:
    gate, x, ratio = gate_of(), torch.randn(2, 6, 8, 10, requires_grad=True), torch.tensor([0.4, 0.6])
    gate.train()
    mask = gate(x, ratio)
    torch.testing.assert_close(mask, mask.round(), rtol=0, atol=1e-6)
    (mask * torch.randn_like(mask)).sum().backward()
    for value in (gate.weight, gate.bias, gate.offset_scale, x):
        assert value.grad is not None and value.grad.abs().sum() > 0


def test_raising_what_computed_pixels_are_worth_raises_their_score() -> None:
    """A pixel whose computation lowers the loss must be scored higher after a gradient step."""
    gate, x = gate_of(), torch.randn(1, 6, 8, 10)
    gate.train()
    worth = torch.zeros(1, 1, 8, 10)
    worth[..., :5] = 1
    before = gate.score(x)
    (-(gate(x, torch.tensor([0.5])) * worth).sum()).backward()
    with torch.no_grad():
        gate.weight -= 0.1 * gate.weight.grad
        gate.bias -= 0.1 * gate.bias.grad
    assert (gate.score(x) - before)[..., :5].mean() > 0


@pytest.mark.parametrize("coarse_stride", [0, 2])
def test_the_recorded_share_is_the_mean_probability_and_differentiable(coarse_stride: int) -> None:
    gate = gate_of(coarse_stride).train()
    with torch.no_grad():
        gate.weight.zero_()
    gate(torch.randn(2, 6, 8, 10), torch.tensor([0.3, 0.8]))
    assert gate.record is not None
    # Without scores every pixel off the grid asks for the ratio itself.
    wanted = [(0.25 + 0.75 * r if coarse_stride else r) for r in (0.3, 0.8)]
    torch.testing.assert_close(gate.record.soft_share, torch.tensor(wanted))
    gate.record.soft_share.sum().backward()
    assert gate.weight.grad is not None and gate.weight.grad.abs().sum() > 0


def test_a_gate_can_be_copied_after_a_training_pass() -> None:
    gate = gate_of().train()
    gate(torch.randn(1, 6, 8, 10), torch.tensor([0.3]))
    assert gate.record is not None
    copied = copy.deepcopy(gate)
    assert torch.equal(copied.record.soft_share, gate.record.soft_share)


def test_the_floor_is_the_grid_s_share() -> None:
    assert (gate_of(0).floor(), gate_of(2).floor()) == (0.0, 0.25)


def layer_gate_of(stride: int = 1) -> LayerGate:
    gate = LayerGate(6, stride=stride).eval()
    torch.nn.init.normal_(gate.weight)
    return gate


@settings(max_examples=30, deadline=None)
@given(
    ratios=st.lists(st.floats(1 / 64, 1, width=32), min_size=1, max_size=3),
    stride=st.sampled_from([1, 2]),
    training=st.booleans(),
)
def test_a_layer_gate_computes_all_of_an_image_or_nothing(
    ratios: list[float], stride: int, training: bool
) -> None:
    gate = layer_gate_of(stride).train(training)
    mask = gate(torch.randn(len(ratios), 6, 8 * stride, 10 * stride), torch.tensor(ratios))
    assert mask.shape == (len(ratios), 1, 8, 10)
    assert (mask.dtype == torch.bool) != training
    for count in (mask > 0.5).sum((1, 2, 3)):
        assert int(count) in (0, 80)


def test_a_layer_gate_runs_every_image_at_ratio_1_whatever_it_thinks() -> None:
    gate, x = layer_gate_of(), torch.randn(2, 6, 8, 10)
    with torch.no_grad():
        gate.bias.fill_(-100)
    assert gate(x, torch.tensor([1.0, 0.99]))[:, 0, 0, 0].tolist() == [True, False]


def test_a_layer_gate_decides_by_its_own_image_and_runs_more_of_them_at_more_ratio() -> None:
    gate, x = layer_gate_of(), torch.randn(20, 6, 4, 4)
    runs = [gate(x, torch.full((20,), ratio))[:, 0, 0, 0] for ratio in (0.05, 0.4, 0.6, 0.95)]
    for fewer, more in pairwise(runs):
        assert not (fewer & ~more).any()
    assert runs[0].sum() < runs[1].sum() < runs[3].sum()
    alone = torch.cat([gate(x[i : i + 1], torch.tensor([0.4]))[:, 0, 0, 0] for i in range(20)])
    assert torch.equal(alone, runs[1])


def test_a_layer_gate_learns_through_its_hard_decision() -> None:
    gate, x, ratio = layer_gate_of(), torch.randn(2, 6, 8, 10, requires_grad=True), torch.tensor([0.4, 0.6])
    mask = gate.train()(x, ratio)
    torch.testing.assert_close(mask, mask.round(), rtol=0, atol=1e-6)
    (mask * torch.randn_like(mask)).sum().backward()
    for value in (gate.weight, gate.bias, gate.offset_scale, x):
        assert value.grad is not None and value.grad.abs().sum() > 0


def test_a_layer_gate_records_its_probability_which_is_the_ratio_before_it_has_learned() -> None:
    gate = layer_gate_of().train()
    with torch.no_grad():
        gate.weight.zero_()
    gate(torch.randn(2, 6, 8, 10), torch.tensor([0.3, 0.8]))
    assert gate.record is not None
    torch.testing.assert_close(gate.record.soft_share, torch.tensor([0.3, 0.8]))
    gate.record.soft_share.sum().backward()
    assert gate.weight.grad is not None and gate.weight.grad.abs().sum() > 0
    assert gate.floor() == 0.0
