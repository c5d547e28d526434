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


LAYERS = {
    "normed": {"kernel_size": 3, "stride": 2, "activation": "relu"},
    "depthwise": {"kernel_size": 5, "dilation": 2, "depthwise": True, "padding": "tensorflow"},
    "interpolated": {"fill": "interpolate"},
    "biased": {"norm": False},
}


@pytest.fixture(params=LAYERS)
def layer(request: pytest.FixtureRequest, randomise) -> PerforatedConv2d:
    """A random layer of six channels in evaluation."""
    layer = PerforatedConv2d(6, 6, **LAYERS[request.param])
    randomise(layer)
    return layer.eval()


def test_folded_weights_are_bfloat16_values_next_to_the_exact_ones(layer: PerforatedConv2d) -> None:
    weight, bias = (value.detach().clone() for value in layer.folded())
    layer.fold_norm()
    assert layer.norm is None and layer.weight.dtype == torch.float32
    assert torch.equal(layer.weight, layer.weight.to(torch.bfloat16).float())
    # Eight significant bits, rounded to nearest.
    assert ((layer.weight - weight).abs() <= 2**-8 * weight.abs()).all()
    assert torch.equal(layer.bias, bias), "sums are float32, so a bias need not be rounded"


def test_folding_changes_the_output_by_the_weights_rounding_alone(layer: PerforatedConv2d) -> None:
    x, mask = torch.randn(2, 6, 9, 8), torch.ones(2, 1, *((5, 4) if layer.stride == 2 else (9, 8)))
    before = layer(x, mask)
    terms = copy.deepcopy(layer)
    terms.fold_norm()
    terms.activation = "none"
    terms.weight.data, terms.bias.data = layer.folded()[0].abs(), torch.zeros(6)
    layer.fold_norm()
    # A value moves by at most 2^-8 of the sum of its absolute terms, float32's own rounding beside.
    assert ((layer(x, mask) - before).abs() <= 2**-8 * terms(x.abs(), mask) + 1e-5).all()


def test_folding_again_changes_nothing(layer: PerforatedConv2d) -> None:
    layer.fold_norm()
    once = copy.deepcopy(layer.state_dict())
    layer.fold_norm()
    assert all(torch.equal(value, once[name]) for name, value in layer.state_dict().items())


def test_a_folded_layer_trains_and_saves_as_one_with_a_bias(layer: PerforatedConv2d) -> None:
    layer.fold_norm()
    layer.train()(torch.randn(2, 6, 8, 8)).sum().backward()
    assert layer.bias.grad is not None and set(layer.state_dict()) == {"weight", "bias"}


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
