"""The operators as nodes of a torch.export graph, channels last, and their translation to ONNX.

A network meant for export calls `torch.ops.pag.perforated_conv` and `torch.ops.pag.budget_mask` (or the two
functions here, which are the same). `torch.onnx.export` with `export_translations()` emits our nodes alone;
the bodies are attached afterwards (model_export.op.functions.attach), because the exporter's inliner would
otherwise put them in place of the nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from onnxscript import values
from perforated_conv import DOMAIN, OPSET_VERSION
from torch import Tensor

from model_export.op import schema, torch_op

_OPSET = values.Opset(DOMAIN, OPSET_VERSION)


# The schema is written out because it cannot be inferred from defaults that are tuples.
@torch.library.custom_op(
    "pag::perforated_conv",
    mutates_args=(),
    schema="(Tensor x, Tensor weight, Tensor? bias=None, Tensor? mask=None, Tensor? residual=None, *,"
    " int[2] strides=[1, 1], int[2] dilations=[1, 1], int[4] pads=[0, 0, 0, 0], int group=1,"
    ' str activation="none", str fill="zero") -> Tensor',
)
def perforated_conv(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    mask: Tensor | None = None,
    residual: Tensor | None = None,
    *,
    strides: Sequence[int] = (1, 1),
    dilations: Sequence[int] = (1, 1),
    pads: Sequence[int] = (0, 0, 0, 0),
    group: int = 1,
    activation: str = "none",
    fill: str = "zero",
) -> Tensor:
    """pag::PerforatedConv for inference: arguments, shapes and order of the ONNX operator.

    x float [N, H, W, Ci], weight [Co, kh, kw, Ci / group], bias [Co], mask bool [N, Ho, Wo], residual and
    result [N, Ho, Wo, Co].
    """
    y = torch_op.perforated_conv(
        x.permute(0, 3, 1, 2),
        weight.permute(0, 3, 1, 2),
        bias,
        None if mask is None else mask[:, None],
        None if residual is None else residual.permute(0, 3, 1, 2),
        stride=(strides[0], strides[1]),
        dilation=(dilations[0], dilations[1]),
        padding=(pads[0], pads[1], pads[2], pads[3]),
        groups=group,
        activation=activation,
        fill=fill,
    )
    # A custom operator may not return a view of an input, and its result is channels last in memory too.
    return y.permute(0, 2, 3, 1).clone(memory_format=torch.contiguous_format)


@perforated_conv.register_fake
def _perforated_conv_shape(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    mask: Tensor | None = None,
    residual: Tensor | None = None,
    *,
    strides: Sequence[int] = (1, 1),
    dilations: Sequence[int] = (1, 1),
    pads: Sequence[int] = (0, 0, 0, 0),
    group: int = 1,
    activation: str = "none",
    fill: str = "zero",
) -> Tensor:
    height, width = (
        (x.shape[1 + a] + pads[a] + pads[a + 2] - dilations[a] * (weight.shape[1 + a] - 1) - 1) // strides[a]
        + 1
        for a in (0, 1)
    )
    return x.new_empty(x.shape[0], height, width, weight.shape[0])


@torch.library.custom_op("pag::budget_mask", mutates_args=())
def budget_mask(scores: Tensor, ratio: Tensor, *, coarse_stride: int = 0) -> Tensor:
    """pag::BudgetMask: scores float [N, H, W] and ratio float [N] to bool [N, H, W]."""
    return torch_op.budget_mask(scores, ratio, coarse_stride)


@budget_mask.register_fake
def _budget_mask_shape(scores: Tensor, ratio: Tensor, *, coarse_stride: int = 0) -> Tensor:
    return torch.empty_like(scores, dtype=torch.bool)


def export_translations() -> dict[Callable[..., Any], Callable[..., Any]]:
    """The table for torch.onnx.export(dynamo=True, custom_translation_table=...)."""
    schema.register()  # onnxscript makes nodes of known operators only
    return {
        torch.ops.pag.perforated_conv.default: _translate_perforated_conv,
        torch.ops.pag.budget_mask.default: _translate_budget_mask,
    }


def _translate_perforated_conv(
    x: Any, weight: Any, bias: Any = None, mask: Any = None, residual: Any = None, **attributes: Any
) -> Any:
    return _OPSET.PerforatedConv(x, weight, bias, mask, residual, **attributes)


def _translate_budget_mask(scores: Any, ratio: Any, **attributes: Any) -> Any:
    return _OPSET.BudgetMask(scores, ratio, **attributes)
