"""The depthwise convolution for training is torch's own, forwards and backwards."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from model_export.networks.depthwise import depthwise_conv


@pytest.mark.parametrize(("kernel", "dilation"), [(1, 1), (3, 1), (5, 1), (3, 2), (5, 2), (5, 10)])
def test_values_and_gradients_are_those_of_conv2d(kernel: int, dilation: int) -> None:
    x = torch.randn(2, 3, 9, 7, requires_grad=True)
    weight = torch.randn(3, 1, kernel, kernel, requires_grad=True)
    upstream = torch.randn(2, 3, 9, 7)
    ours = depthwise_conv(x, weight, dilation)
    theirs = F.conv2d(x, weight, None, 1, dilation * (kernel // 2), dilation, 3)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=0)
    ours_x, ours_weight = torch.autograd.grad(ours, (x, weight), upstream)
    theirs_x, theirs_weight = torch.autograd.grad(theirs, (x, weight), upstream)
    # Sums of at most 126 float32 products in another order.
    torch.testing.assert_close(ours_x, theirs_x, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(ours_weight, theirs_weight, rtol=1e-5, atol=2e-5)


def test_finite_differences_agree_with_the_gradient() -> None:
    x = torch.randn(1, 2, 4, 5, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(2, 1, 3, 3, dtype=torch.float64, requires_grad=True)
    # The weight's gradient is summed in float32, which leaves seven digits.
    assert torch.autograd.gradcheck(lambda a, b: depthwise_conv(a, b, 2), (x, weight), rtol=1e-4, atol=1e-5)


def test_a_fixed_weight_or_input_gets_no_gradient() -> None:
    x, weight = torch.randn(1, 2, 4, 4, requires_grad=True), torch.randn(2, 1, 3, 3)
    depthwise_conv(x, weight).sum().backward()
    assert x.grad is not None and weight.grad is None


def test_under_autocast_the_result_is_bfloat16_and_the_weight_s_gradient_float32() -> None:
    x = torch.randn(1, 2, 8, 8).bfloat16().requires_grad_()
    weight = torch.randn(2, 1, 3, 3, requires_grad=True)
    y = depthwise_conv(x, weight)
    y.float().sum().backward()
    assert y.dtype == torch.bfloat16 and weight.grad is not None and weight.grad.dtype == torch.float32
    exact = F.conv2d(x.detach().float(), weight.detach(), None, 1, 1, 1, 2)
    # bfloat16 keeps eight bits of input, weight and result.
    torch.testing.assert_close(y.detach().float(), exact, rtol=2e-2, atol=5e-2)
