"""A network that calls the operators becomes an ONNX file with our nodes and gives the same numbers there."""

from __future__ import annotations

import warnings

import onnx
import onnxruntime as ort
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from perforated_conv import DOMAIN
from torch import nn

from model_export.op import functions, reference
from model_export.op.torch_export import budget_mask, export_translations, perforated_conv

DYNAMIC = torch.export.Dim.DYNAMIC


class GatedNetwork(nn.Module):
    """A stem of stride 2, a gate, a gated dilated convolution with residual and a gated depthwise one."""

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(0)

        def weight(*shape):
            return nn.Parameter(torch.randn(*shape, generator=generator) / 4)

        self.stem, self.stem_bias = weight(8, 3, 3, 3), weight(8)
        self.gate, self.branch, self.depthwise = weight(1, 1, 1, 8), weight(8, 3, 3, 8), weight(8, 3, 3, 1)

    def forward(self, image, ratio):
        x = perforated_conv(
            image, self.stem, self.stem_bias, strides=[2, 2], pads=[0, 0, 1, 1], activation="relu6"
        )
        mask = budget_mask(perforated_conv(x, self.gate)[..., 0], ratio, coarse_stride=2)
        y = perforated_conv(
            x, self.branch, None, mask, x, pads=[2, 2, 2, 2], dilations=[2, 2], fill="interpolate"
        )
        return perforated_conv(y, self.depthwise, None, mask, pads=[1, 1, 1, 1], group=8), mask


@pytest.fixture(scope="module")
def network():
    return GatedNetwork().eval().requires_grad_(False)


@pytest.fixture(scope="module")
def model(network):
    with warnings.catch_warnings():
        # torch 2.13's own pytree code uses a form that it deprecates itself.
        warnings.filterwarnings("ignore", "`isinstance", FutureWarning)
        program = torch.onnx.export(
            network,
            (torch.rand(2, 16, 24, 3), torch.tensor([0.5, 0.8])),
            dynamo=True,
            verbose=False,
            opset_version=functions.ONNX_OPSET,
            custom_translation_table=export_translations(),
            input_names=["image", "ratio"],
            output_names=["y", "mask"],
            dynamic_shapes=({0: DYNAMIC, 1: DYNAMIC, 2: DYNAMIC}, {0: DYNAMIC}),
        )
    model = program.model_proto
    functions.attach(model)
    return model


def test_the_nodes_are_ours_with_the_bodies_beside_them(model):
    onnx.checker.check_model(model, full_check=True)
    nodes = [(n.op_type, n.overload) for n in model.graph.node if n.domain == DOMAIN]
    assert nodes == [
        ("PerforatedConv", "dense_relu6"),
        ("PerforatedConv", "dense_none"),
        ("BudgetMask", "grid"),
        ("PerforatedConv", "interpolate_residual_none"),
        ("PerforatedConv", "zero_none"),
    ]
    assert {(f.name, f.overload) for f in model.functions} == set(nodes)


@pytest.mark.parametrize("shape", [(2, 16, 24), (1, 37, 31), (3, 6, 4)])
def test_the_exported_network_is_the_network(network, model, shape):
    image, ratio = torch.rand(*shape, 3), torch.rand(shape[0])
    want, want_mask = network(image, ratio)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    got, mask = session.run(None, {"image": image.numpy(), "ratio": ratio.numpy()})
    assert (mask == want_mask.numpy()).all()
    # Sums of at most 72 products, three layers deep, in another order.
    torch.testing.assert_close(torch.from_numpy(got), want, rtol=1e-4, atol=1e-4)


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_conv_is_the_reference(conv_cases, data):
    case = data.draw(conv_cases)
    x, weight, *optional = (
        torch.from_numpy(case.inputs[name]) if name in case.inputs else None for name in "XWBMR"
    )
    got = perforated_conv(x, weight, *optional, **case.attributes)
    want = torch.from_numpy(reference.perforated_conv(**case.inputs, **case.attributes))
    assert got.is_contiguous()
    # float32 sums of at most 36 products of standard normal numbers, in another order than the reference's.
    torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-5)


def test_torch_finds_the_operators_sound():
    """Schema, fake shapes and dispatch agree with what the operators do."""
    checks = ("test_schema", "test_faketensor")
    x, weight, mask = torch.rand(2, 6, 5, 3), torch.rand(4, 3, 3, 3), torch.rand(2, 2, 3) < 0.5
    torch.library.opcheck(
        torch.ops.pag.perforated_conv.default,
        (x, weight, torch.rand(4), mask, torch.rand(2, 2, 3, 4)),
        {"strides": [2, 1], "activation": "relu", "fill": "interpolate"},
        test_utils=checks,
    )
    scores = (torch.rand(2, 4, 5), torch.rand(2))
    torch.library.opcheck(torch.ops.pag.budget_mask.default, scores, {"coarse_stride": 2}, test_utils=checks)
