"""The operators' interface as ONNX schemas: inputs, attributes, types and shapes."""

from __future__ import annotations

from collections.abc import Sequence

import onnx
from onnx.defs import OpSchema
from perforated_conv import DOMAIN, OPSET_VERSION

_Input = OpSchema.FormalParameter
_OPTIONAL = OpSchema.FormalParameterOption.Optional


def _attribute(name: str, default: int | str | Sequence[int], doc: str) -> OpSchema.Attribute:
    return OpSchema.Attribute(name, onnx.helper.make_attribute(name, default), doc)


_FLOAT = ("T", ["tensor(float)"], "Values are float32.")
_BOOL = ("Tmask", ["tensor(bool)"], "Masks are bool.")

_CONV_DOC = """
A convolution computed only at the pixels that a mask names, channels last. Let V be the convolution of X with
W plus B at computed pixels. Elsewhere V is zero (fill = "zero") or interpolated bilinearly from the coarse
grid, the pixels with even y and even x, which are then computed whatever the mask says (fill =
"interpolate"): along an axis an even index takes the grid's value, an odd one the mean of its two neighbours,
or the value of the left one where the right one lies outside. Y = activation(V + R) at every pixel.
"""

_BOTTLENECK_DOC = """
A residual block's convolutions first, middle and last in a row, as three nodes PerforatedConv would compute
them, with no map between them to be seen; without first the middle one is depthwise. With
fill = "interpolate" all three have the mask M and are interpolated elsewhere; with fill = "zero" first is
computed everywhere and middle and last at M. R is added to the last one's result before the activation.
Inner maps may be kept in bfloat16.
"""

_MASK_DOC = """
The best-scored share of each image's pixels. Of the n = H * W pixels of an image
k = min(n, max(floor(float32(ratio) * float32(n)), n_grid)) are true, where n_grid counts the coarse grid's
pixels, which come first; a ratio <= 0 or NaN gives n_grid. The others follow by score descending, ties by
lower flat index; a NaN score counts as -inf. Images do not depend on each other.
"""

_GATE_DOC = """
A gate: BudgetMask of the scores that a 1x1 convolution of X to one channel gives. Scores are float32 whatever
the precision of other operators.
"""

_LABELS_DOC = """
The class with the highest logit at every pixel of a map of another size, where logits are interpolated
bilinearly with half-pixel centres and held edges, as Resize does (mode = "linear",
coordinate_transformation_mode = "half_pixel"). Of equal classes the lowest wins, up to rounding. Logits must
be finite; K is at most 256.
"""

PERFORATED_CONV = OpSchema(
    "PerforatedConv",
    DOMAIN,
    OPSET_VERSION,
    _CONV_DOC,
    inputs=[
        _Input("X", "T", "[N, H, W, Ci], the input map."),
        _Input("W", "T", "[Co, kh, kw, Ci / group], the weights."),
        _Input("B", "T", "[Co], the bias; zero if absent.", param_option=_OPTIONAL),
        _Input("M", "Tmask", "[N, Ho, Wo], true where to compute; all if absent.", param_option=_OPTIONAL),
        _Input("R", "T", "[N, Ho, Wo, Co], added before the activation.", param_option=_OPTIONAL),
    ],
    outputs=[_Input("Y", "T", "[N, Ho, Wo, Co], the output map.")],
    type_constraints=[_FLOAT, _BOOL],
    attributes=[
        _attribute("strides", [1, 1], "Step of the kernel along y and x."),
        _attribute("dilations", [1, 1], "Distance of the kernel's taps along y and x."),
        _attribute("pads", [0, 0, 0, 0], "Zeros added at top, left, bottom, right."),
        _attribute("group", 1, "1, or Ci = Co for a depthwise convolution."),
        _attribute("activation", "none", '"none", "relu" or "relu6".'),
        _attribute("fill", "zero", 'Where not computed: "zero" or "interpolate".'),
    ],
)

BOTTLENECK = OpSchema(
    "Bottleneck",
    DOMAIN,
    OPSET_VERSION,
    _BOTTLENECK_DOC,
    inputs=[
        _Input("X", "T", "[N, H, W, Ci], the input map."),
        _Input("W_first", "T", "[C1, kh, kw, Ci]; no first convolution if absent.", param_option=_OPTIONAL),
        _Input("B_first", "T", "[C1]; zero if absent.", param_option=_OPTIONAL),
        _Input("W", "T", "[C2, kh, kw, C1 / group], of the middle convolution."),
        _Input("B", "T", "[C2]; zero if absent.", param_option=_OPTIONAL),
        _Input("W_last", "T", "[Co, 1, 1, C2]."),
        _Input("B_last", "T", "[Co]; zero if absent.", param_option=_OPTIONAL),
        _Input("M", "Tmask", "[N, Ho, Wo], true where to compute; all if absent.", param_option=_OPTIONAL),
        _Input("R", "T", "[N, Ho, Wo, Co], added before the activation.", param_option=_OPTIONAL),
    ],
    outputs=[_Input("Y", "T", "[N, Ho, Wo, Co], the output map.")],
    type_constraints=[_FLOAT, _BOOL],
    attributes=[
        _attribute("first_strides", [1, 1], "Step of the first convolution's kernel along y and x."),
        _attribute("first_pads", [0, 0, 0, 0], "Zeros added to X at top, left, bottom, right."),
        _attribute("strides", [1, 1], "Step of the middle convolution's kernel along y and x."),
        _attribute("dilations", [1, 1], "Distance of the middle convolution's taps along y and x."),
        _attribute("pads", [0, 0, 0, 0], "Zeros added to the middle's input at top, left, bottom, right."),
        _attribute("group", 1, "1, or C1 = C2 for a depthwise middle convolution."),
        _attribute("inner_activation", "none", 'After first and middle: "none", "relu" or "relu6".'),
        _attribute("activation", "none", 'After the last: "none", "relu" or "relu6".'),
        _attribute("fill", "zero", 'Where not computed: "zero" or "interpolate".'),
    ],
)

BUDGET_MASK = OpSchema(
    "BudgetMask",
    DOMAIN,
    OPSET_VERSION,
    _MASK_DOC,
    inputs=[
        _Input("S", "T", "[N, H, W], the gate's scores."),
        _Input("ratio", "T", "[N], share of the pixels to compute, a ceiling."),
    ],
    outputs=[_Input("M", "Tmask", "[N, H, W], true where to compute.")],
    type_constraints=[_FLOAT, _BOOL],
    attributes=[
        _attribute("coarse_stride", 0, "0: no coarse grid; 2: the coarse grid's pixels are always in.")
    ],
)

GATE_MASK = OpSchema(
    "GateMask",
    DOMAIN,
    OPSET_VERSION,
    _GATE_DOC,
    inputs=[
        _Input("X", "T", "[N, H, W, Ci], the input map."),
        _Input("W", "T", "[1, 1, 1, Ci], the gate's weights."),
        _Input("B", "T", "[1], the bias; zero if absent.", param_option=_OPTIONAL),
        _Input("ratio", "T", "[N], share of the pixels to compute, a ceiling."),
    ],
    outputs=[_Input("M", "Tmask", "[N, Ho, Wo], true where to compute.")],
    type_constraints=[_FLOAT, _BOOL],
    attributes=[
        _attribute("strides", [1, 1], "Step of the kernel along y and x."),
        _attribute("coarse_stride", 0, "0: no coarse grid; 2: the coarse grid's pixels are always in."),
    ],
)

UPSAMPLED_LABELS = OpSchema(
    "UpsampledLabels",
    DOMAIN,
    OPSET_VERSION,
    _LABELS_DOC,
    inputs=[
        _Input("L", "T", "[N, h, w, K], the logits."),
        _Input("size", "Tsize", "[2], height H and width W of the labels."),
        _Input(
            "extent",
            "T",
            "[2], rows and columns of L, from the top left, that the labels cover; all if absent.",
            param_option=_OPTIONAL,
        ),
    ],
    outputs=[_Input("labels", "Tlabel", "[N, H, W], the classes.")],
    type_constraints=[
        _FLOAT,
        ("Tsize", ["tensor(int64)"], "Sizes are int64."),
        ("Tlabel", ["tensor(uint8)"], "Labels are uint8."),
    ],
    attributes=[],
)

_Dim = onnx.TensorShapeProto.Dimension


def _infer_perforated_conv(context: onnx.shape_inference.InferenceContext) -> None:
    X, W = _dims(context, 0, 4), _dims(context, 1, 4)
    size = _convolved(context, X[1:3], W, "strides", "pads", "dilations")
    _set_output(context, onnx.TensorProto.FLOAT, [X[0], *size, W[0]])


def _infer_bottleneck(context: onnx.shape_inference.InferenceContext) -> None:
    X, W_first, W, W_last = (_dims(context, index, 4) for index in (0, 1, 3, 5))
    size = X[1:3]
    if context.get_input_type(1) is not None:
        size = _convolved(context, size, W_first, "first_strides", "first_pads")
    size = _convolved(context, size, W, "strides", "pads", "dilations")
    _set_output(context, onnx.TensorProto.FLOAT, [X[0], *size, W_last[0]])


def _infer_gate_mask(context: onnx.shape_inference.InferenceContext) -> None:
    X, W = _dims(context, 0, 4), _dims(context, 1, 4)
    _set_output(context, onnx.TensorProto.BOOL, [X[0], *_convolved(context, X[1:3], W, "strides", "")])


def _convolved(
    context: onnx.shape_inference.InferenceContext,
    size: Sequence[_Dim],
    W: Sequence[_Dim],
    strides: str,
    pads: str,
    dilations: str = "",
) -> list[_Dim]:
    """Height and width after a convolution whose attributes have these names."""
    step, pad = _ints(context, strides, [1, 1]), _ints(context, pads, [0, 0, 0, 0])
    spread = _ints(context, dilations, [1, 1])
    return [_output_length(size[a], W[1 + a], step[a], spread[a], pad[a] + pad[a + 2]) for a in (0, 1)]


def _infer_budget_mask(context: onnx.shape_inference.InferenceContext) -> None:
    _set_output(context, onnx.TensorProto.BOOL, _dims(context, 0, 3))


def _infer_upsampled_labels(context: onnx.shape_inference.InferenceContext) -> None:
    known = context.get_input_data(1)
    size = [_Dim(), _Dim()]
    if known is not None:
        size = [_Dim(dim_value=int(length)) for length in onnx.numpy_helper.to_array(known)]
    _set_output(context, onnx.TensorProto.UINT8, [_dims(context, 0, 4)[0], *size])


def _output_length(length: _Dim, kernel: _Dim, stride: int, dilation: int, pad: int) -> _Dim:
    """The convolution's length along one axis; unknown where one of the two lengths is."""
    if not (length.HasField("dim_value") and kernel.HasField("dim_value")):
        return _Dim()
    free = length.dim_value + pad - dilation * (kernel.dim_value - 1) - 1
    if free < 0:
        raise onnx.shape_inference.InferenceError(
            f"kernel {kernel.dim_value}, dilation {dilation} does not fit into {length.dim_value}, pads {pad}"
        )
    return _Dim(dim_value=free // stride + 1)


def _dims(context: onnx.shape_inference.InferenceContext, index: int, rank: int) -> list[_Dim]:
    """The dimensions of an input, all unknown where its shape is."""
    declared = context.get_input_type(index)
    if declared is None or not declared.tensor_type.HasField("shape"):
        return [_Dim() for _ in range(rank)]
    dims = list(declared.tensor_type.shape.dim)
    if len(dims) != rank:
        raise onnx.shape_inference.InferenceError(f"input {index} has rank {len(dims)}, but must have {rank}")
    return dims


def _ints(context: onnx.shape_inference.InferenceContext, name: str, default: Sequence[int]) -> Sequence[int]:
    attribute = context.get_attribute(name)
    return default if attribute is None else list(attribute.ints)


def _set_output(context: onnx.shape_inference.InferenceContext, element: int, dims: Sequence[_Dim]) -> None:
    output = onnx.TypeProto()
    output.tensor_type.elem_type = element
    output.tensor_type.shape.dim.extend(dims)
    context.set_output_type(0, output)


# The operators, each with the inference of its output's type and shape.
_TABLE = (
    (PERFORATED_CONV, _infer_perforated_conv),
    (BOTTLENECK, _infer_bottleneck),
    (BUDGET_MASK, _infer_budget_mask),
    (GATE_MASK, _infer_gate_mask),
    (UPSAMPLED_LABELS, _infer_upsampled_labels),
)
SCHEMAS = {schema.name: schema for schema, _ in _TABLE}


def register() -> None:
    """Make the operators known to onnx.checker and onnx.shape_inference; a second call does nothing."""
    for schema, infer in _TABLE:
        schema.set_type_and_shape_inference_function(infer)
        if not onnx.defs.has(schema.name, schema.domain):
            onnx.defs.register_schema(schema)
