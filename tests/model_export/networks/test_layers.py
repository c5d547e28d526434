"""PerforatedConv2d: batch norm, its folding and freezing, and TensorFlow's padding."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F

from model_export.networks.layers import PerforatedConv2d


def test_in_evaluation_it_is_convolution_batch_norm_residual_activation(randomise) -> None:
    layer = PerforatedConv2d(3, 5, 3, stride=2, dilation=2, activation="relu", eps=1e-3)
    randomise(layer)
    x, residual = torch.randn(2, 3, 8, 9), torch.randn(2, 5, 4, 5)
    norm = layer.norm
    v = F.conv2d(x, layer.weight, None, 2, 2, 2)
    v = F.batch_norm(v, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=1e-3)
    torch.testing.assert_close(layer.eval()(x, None, residual), F.relu(v + residual))


def test_frozen_statistics_stay_and_scale_and_shift_are_trained(randomise) -> None:
    layer = PerforatedConv2d(3, 5, 3)
    randomise(layer)
    layer.statistics_frozen = True
    layer.train()
    before = copy.deepcopy(dict(layer.named_buffers()))
    x = 7 + 3 * torch.randn(2, 3, 6, 6)
    trained = layer(x)
    trained.square().sum().backward()
    for name, value in layer.named_buffers():
        assert torch.equal(value, before[name]), name
    assert all(parameter.grad.abs().sum() > 0 for parameter in layer.parameters())
    torch.testing.assert_close(trained, layer.eval()(x))


def test_statistics_that_are_not_frozen_follow_the_data() -> None:
    layer = PerforatedConv2d(3, 5).train()
    layer(7 + torch.randn(2, 3, 6, 6))
    assert layer.norm.running_mean.abs().max() > 0.1


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("size", [8, 14])
def test_tensorflow_padding_of_a_stride_of_two(kernel: int, size: int) -> None:
    """TensorFlow's "SAME": the smaller half of the padding comes first."""
    layer = PerforatedConv2d(1, 1, kernel, stride=2, padding="tensorflow", norm=False).eval()
    x = torch.randn(1, 1, size, size)
    total = (size // 2 - 1) * 2 + kernel - size
    padded = F.pad(x, (total // 2, total - total // 2) * 2)
    torch.testing.assert_close(layer(x), F.conv2d(padded, layer.weight, layer.bias, 2))


@pytest.mark.parametrize(
    "wrong", [{"fill": "nearest"}, {"activation": "swish"}, {"padding": "valid", "stride": 2}]
)
def test_unknown_options_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=str(next(iter(wrong.values())))):
        PerforatedConv2d(1, 1, 3, **wrong)
