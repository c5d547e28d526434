"""The PyTorch form gives the reference's numbers and lets gradients through to mask, input and weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model_export.op import reference
from model_export.op.torch_op import budget_mask, grid_mask, interpolate_from_grid, perforated_conv

# float32 sums of at most 36 products of standard normal numbers, in another order than the reference's.
TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}


def channels_first(array):
    return torch.from_numpy(array).permute(0, 3, 1, 2)


def in_torch(inputs, *, strides, dilations, pads, group, activation, fill):
    """The case on PyTorch's axis order, and its result back on the operator's."""
    maps = {name: channels_first(value) for name, value in inputs.items() if name in "XWR"}
    y = perforated_conv(
        maps["X"],
        maps["W"],
        torch.from_numpy(inputs["B"]) if "B" in inputs else None,
        torch.from_numpy(inputs["M"])[:, None] if "M" in inputs else None,
        maps.get("R"),
        stride=tuple(strides),
        dilation=tuple(dilations),
        padding=tuple(pads),
        groups=group,
        activation=activation,
        fill=fill,
    )
    return y.permute(0, 2, 3, 1)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_conv_is_the_reference(conv_cases, data):
    case = data.draw(conv_cases)
    want = reference.perforated_conv(**case.inputs, **case.attributes)
    torch.testing.assert_close(in_torch(case.inputs, **case.attributes), torch.from_numpy(want), **TOLERANCE)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_mask_is_the_reference(mask_cases, data):
    case = data.draw(mask_cases)
    got = budget_mask(torch.from_numpy(case.S), torch.from_numpy(case.ratio), case.coarse_stride)
    want = reference.budget_mask(case.S, case.ratio, coarse_stride=case.coarse_stride)
    np.testing.assert_array_equal(got.numpy(), want)


@pytest.mark.parametrize("fill", ["zero", "interpolate"])
def test_a_hard_mask_of_floats_is_the_bool_mask(fill):
    torch.manual_seed(0)
    x, weight, mask = torch.randn(2, 3, 6, 7), torch.randn(4, 3, 3, 3), torch.rand(2, 1, 4, 5) < 0.5
    hard = perforated_conv(x, weight, mask=mask.float(), fill=fill)
    torch.testing.assert_close(hard, perforated_conv(x, weight, mask=mask, fill=fill), rtol=0, atol=0)


def test_a_soft_mask_mixes_the_convolution_with_its_fill():
    x = torch.tensor([[0.0, 100.0, 2.0]])[None, None]
    mask = torch.full((1, 1, 1, 3), 0.25)
    soft = perforated_conv(x, torch.ones(1, 1, 1, 1), mask=mask, fill="interpolate")
    # Between 0 and 2 lies 1; a quarter of 100 and three quarters of 1.
    assert soft.flatten().tolist() == [0.0, 25.75, 2.0]


def test_the_mask_s_gradient_is_what_computing_a_pixel_changes():
    x = torch.tensor([[0.0, 100.0, 2.0, 50.0]])[None, None].requires_grad_()
    weight = torch.ones(1, 1, 1, 1, requires_grad=True)
    mask = torch.tensor([[1.0, 0.0, 1.0, 1.0]])[None, None].requires_grad_()
    perforated_conv(x, weight, mask=mask, fill="interpolate").sum().backward()
    # The grid is computed anyway; elsewhere it is the convolution less the interpolated value.
    assert mask.grad.flatten().tolist() == [0.0, 99.0, 0.0, 48.0]
    # The pixel left out gives no gradient to its own input, and half to each neighbour's.
    assert x.grad.flatten().tolist() == [1.5, 0.0, 1.5, 1.0]
    assert weight.grad.item() == 0.0 + 1.0 + 2.0 + 50.0


@pytest.mark.parametrize("size", [(1, 1), (1, 4), (3, 1), (2, 2), (5, 4)])
def test_interpolation_s_gradient(size):
    v = torch.randn(2, 2, *size, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(interpolate_from_grid, v)


def test_interpolation_keeps_the_grid_to_the_bit():
    v = torch.randn(2, 3, 7, 8)
    grid = grid_mask(7, 8)
    assert torch.equal(interpolate_from_grid(v)[..., grid], v[..., grid])


def test_interpolation_keeps_a_plane_but_for_the_far_edge():
    y, x = torch.meshgrid(torch.arange(6.0), torch.arange(9.0), indexing="ij")
    plane = (3 * y + x)[None, None]
    torch.testing.assert_close(interpolate_from_grid(plane)[..., :5, :], plane[..., :5, :])
    # The last of an even number of rows has no grid below it.
    torch.testing.assert_close(interpolate_from_grid(plane)[..., 5, :], plane[..., 4, :])


def test_grid_mask_is_even_and_even():
    assert grid_mask(3, 4).int().tolist() == [[1, 0, 1, 0], [0, 0, 0, 0], [1, 0, 1, 0]]


def test_mask_takes_scores_that_require_a_gradient():
    scores = torch.rand(1, 4, 4, requires_grad=True)
    mask = budget_mask(scores, torch.tensor([0.5]))
    assert not mask.requires_grad
    assert mask.sum() == 8


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"mask": torch.ones(1, 1, 3, 4, dtype=torch.bool)}, r"mask .*\(1, 1, 3, 4\).*\(1, 1, 4, 4\)"),
        ({"residual": torch.ones(1, 1, 4, 4)}, r"residual .*\(1, 1, 4, 4\).*\(1, 2, 4, 4\)"),
        ({"fill": "nearest"}, "fill.*'nearest'"),
        ({"activation": "gelu"}, "activation.*'gelu'"),
    ],
)
def test_wrong_inputs_are_named_with_both_shapes(changed, message):
    arguments = {"x": torch.zeros(1, 3, 4, 4), "weight": torch.zeros(2, 3, 1, 1)}
    with pytest.raises(ValueError, match=message):
        perforated_conv(**arguments, **changed)


def test_wrong_budget_inputs_are_refused():
    with pytest.raises(ValueError, match=r"scores \(1, 3, 3\) and ratio \(2,\)"):
        budget_mask(torch.zeros(1, 3, 3), torch.ones(2))
    with pytest.raises(ValueError, match="coarse_stride"):
        budget_mask(torch.zeros(1, 3, 3), torch.ones(1), coarse_stride=3)
