"""The text of the operators' bodies in standard ONNX operators, put together per variant."""

from __future__ import annotations

_CONV = """
<domain: "{domain}", overload: "{overload}", opset_import: ["" : {opset}]>
PerforatedConv <strides: ints = [1, 1], dilations: ints = [1, 1], pads: ints = [0, 0, 0, 0], group: int = 1,
                activation: string = "none", fill: string = "zero"> (X, W, B, M, R) => (Y)
{{
  x = Transpose <perm = [0, 3, 1, 2]> (X)
  w = Transpose <perm = [0, 3, 1, 2]> (W)
  computed = Conv <strides: ints = @strides, dilations: ints = @dilations, pads: ints = @pads,
                   group: int = @group> (x, w, B)
  {steps}
  Y = Transpose <perm = [0, 2, 3, 1]> ({result})
}}
"""

# Resize by two, asymmetric: index i reads the grid at i / 2 and holds the last value, as the operator asks.
_FILL = {
    "zero": "left_out = Constant <value_float = 0.0> ()",
    "interpolate": """
  origin = Constant <value_ints = [0, 0]> ()
  end = Constant <value_ints = [9223372036854775807, 9223372036854775807]> ()
  axes = Constant <value_ints = [2, 3]> ()
  every_second = Constant <value_ints = [2, 2]> ()
  grid = Slice (computed, origin, end, axes, every_second)
  scales = Constant <value_floats = [1.0, 1.0, 2.0, 2.0]> ()
  doubled = Resize <mode = "linear", coordinate_transformation_mode = "asymmetric"> (grid, , scales)
  size = Shape <start = 2> (computed)
  left_out = Slice (doubled, origin, size, axes)
""",
}

_PERFORATE = """
  channel = Constant <value_ints = [1]> ()
  mask = Unsqueeze (M, channel)
  perforated = Where (mask, {value}, left_out)
"""

_ADD = """
  residual = Transpose <perm = [0, 3, 1, 2]> (R)
  sum = Add ({value}, residual)
"""

_ACTIVATE = {
    "relu": "activated = Relu ({value})",
    "relu6": """
  low = Constant <value_float = 0.0> ()
  high = Constant <value_float = 6.0> ()
  activated = Clip ({value}, low, high)
""",
}

# The inner convolutions have variants of their own; what varies freely is handed on by reference.
_BOTTLENECK = """
<domain: "{domain}", overload: "{overload}", opset_import: ["" : {opset}, "{domain}" : {version}]>
Bottleneck <first_strides: ints = [1, 1], first_pads: ints = [0, 0, 0, 0], strides: ints = [1, 1],
            dilations: ints = [1, 1], pads: ints = [0, 0, 0, 0], group: int = 1,
            inner_activation: string = "none", activation: string = "none", fill: string = "zero">
           (X, W_first, B_first, W, B, W_last, B_last, M, R) => (Y)
{{
  {first}
  inner = {domain}.PerforatedConv <
      strides: ints = @strides, dilations: ints = @dilations, pads: ints = @pads, group: int = @group,
      activation = "{inner}", fill = "{fill}"> ({x}, W, B, {mask})
  Y = {domain}.PerforatedConv <activation = "{outer}", fill = "{fill}"> (
      inner, W_last, B_last, {mask}, {residual})
}}
"""

_FIRST = """expanded = {domain}.PerforatedConv <strides: ints = @first_strides, pads: ints = @first_pads,
      activation = "{inner}", fill = "{fill}"> (X, W_first, B_first, {first_mask})"""

_GATE = """
<domain: "{domain}", overload: "{overload}", opset_import: ["" : {opset}, "{domain}" : {version}]>
GateMask <strides: ints = [1, 1], coarse_stride: int = 0> (X, W, B, ratio) => (M)
{{
  scores = {domain}.PerforatedConv <strides: ints = @strides> (X, W, B)
  channel = Constant <value_ints = [3]> ()
  S = Squeeze (scores, channel)
  M = {domain}.BudgetMask <coarse_stride = {coarse_stride}> (S, ratio)
}}
"""

_BUDGET = """
<domain: "{domain}", overload: "{overload}", opset_import: ["" : {opset}]>
BudgetMask <coarse_stride: int = 0> (S, ratio) => (M)
{{
  zero = Constant <value_int = 0> ()
  one = Constant <value_int = 1> ()
  column = Constant <value_ints = [1]> ()
  height = Shape <start = 1, end = 2> (S)
  width = Shape <start = 2, end = 3> (S)
  n = Mul (height, width)
  {always}

  n_float = Cast <to = 1> (n)
  product = Mul (ratio, n_float)
  product_unknown = IsNaN (product)
  nothing = Constant <value_float = 0.0> ()
  product_known = Where (product_unknown, nothing, product)
  product_positive = Max (product_known, nothing)
  product_bounded = Min (product_positive, n_float)
  product_floor = Floor (product_bounded)
  share = Cast <to = 7> (product_floor)
  share_at_least = Max (share, n_grid)
  k = Min (share_at_least, n)
  chosen_by_score = Sub (k, n_grid)
  limit = Unsqueeze (chosen_by_score, column)

  rows = Constant <value_ints = [0, -1]> ()
  flat = Reshape (S, rows)
  flat_unknown = IsNaN (flat)
  lowest = Constant <value_float = -inf> ()
  scores = Where (flat_unknown, lowest, flat)
  sorted, order = TopK <axis = 1, largest = 1, sorted = 1> (scores, n)
  {rank}
  taken = LessOrEqual (rank, limit)
  flat_shape = Shape (scores)
  empty = ConstantOfShape <value = bool[1] {{0}}> (flat_shape)
  chosen = ScatterElements <axis = 1> (empty, order, taken)
  {join}
  shape = Shape (S)
  M = Reshape (all, shape)
}}
"""

# Of the whole map Resize does it; ONNX Runtime 1.32 refuses sizes of a length that it does not know.
_UPSAMPLED_WHOLE = """
  l = Transpose <perm = [0, 3, 1, 2]> (L)
  front = Shape <end = 2> (l)
  two = Constant <value_ints = [2]> ()
  height_width = Reshape (size, two)
  sizes = Concat <axis = 0> (front, height_width)
  resized = Resize <mode = "linear", coordinate_transformation_mode = "half_pixel"> (l, , , sizes)
  winner = ArgMax <axis = 1, keepdims = 0> (resized)
"""

# Of a part of it, which Resize knows in whole pixels only, one axis after the other.
_UPSAMPLED_EXTENT = """
  zero = Constant <value_int = 0> ()
  one = Constant <value_int = 1> ()
  one_float = Cast <to = 1> (one)
  zero_double = Cast <to = 11> (zero)
  half_float = Constant <value_float = 0.5> ()
  half = Cast <to = 11> (half_float)
  extent_double = Cast <to = 11> (extent)
  {rows}
  {columns}
  winner = ArgMax <axis = 3, keepdims = 0> (columns)
"""

_UPSAMPLED_AXIS = """
  {map}_axis = Constant <value_int = {index}> ()
  {map}_length = Gather (size, {map}_axis)
  {map}_length_double = Cast <to = 11> ({map}_length)
  {map}_extent = Gather (extent_double, {map}_axis)
  {map}_scale = Div ({map}_extent, {map}_length_double)
  {map}_index = Range (zero, {map}_length, one)
  {map}_index_double = Cast <to = 11> ({map}_index)
  {map}_centre = Add ({map}_index_double, half)
  {map}_scaled = Mul ({map}_centre, {map}_scale)
  {map}_place = Sub ({map}_scaled, half)
  {map}_pixels = Shape <start = {axis}, end = {axis_end}> (L)
  {map}_last = Sub ({map}_pixels, one)
  {map}_last_double = Cast <to = 11> ({map}_last)
  {map}_from_zero = Max ({map}_place, zero_double)
  {map}_held = Min ({map}_from_zero, {map}_last_double)
  {map}_floor = Floor ({map}_held)
  {map}_low = Cast <to = 7> ({map}_floor)
  {map}_next = Add ({map}_low, one)
  {map}_high = Min ({map}_next, {map}_last)
  {map}_rest = Sub ({map}_held, {map}_floor)
  {map}_rest_float = Cast <to = 1> ({map}_rest)
  {map}_spread = Constant <value_ints = {spread}> ()
  {map}_weight = Unsqueeze ({map}_rest_float, {map}_spread)
  {map}_weight_low = Sub (one_float, {map}_weight)
  {map}_at_low = Gather <axis = {axis}> ({source}, {map}_low)
  {map}_at_high = Gather <axis = {axis}> ({source}, {map}_high)
  {map}_share_low = Mul ({map}_at_low, {map}_weight_low)
  {map}_share_high = Mul ({map}_at_high, {map}_weight)
  {map} = Add ({map}_share_low, {map}_share_high)
"""

_UPSAMPLED = """
<domain: "{domain}", overload: "{overload}", opset_import: ["" : {opset}]>
UpsampledLabels (L, size, extent) => (labels)
{{
  {winner}
  labels = Cast <to = 2> (winner)
}}
"""

_WITHOUT_GRID = {
    "always": "n_grid = Constant <value_ints = [0]> ()",
    "rank": """
  length = Squeeze (n)
  place = Range (zero, length, one)
  rank = Add (place, one)
""",
    "join": "all = Identity (chosen)",
}

# The grid's own pixels do not use up the rest of the budget, wherever their scores put them: rank counts
# the others only.
_WITH_GRID = {
    "always": """
  two = Constant <value_int = 2> ()
  y_end = Squeeze (height)
  y = Range (zero, y_end, one)
  y_rest = Mod (y, two)
  y_even = Equal (y_rest, zero)
  y_column = Unsqueeze (y_even, column)
  x_end = Squeeze (width)
  x = Range (zero, x_end, one)
  x_rest = Mod (x, two)
  x_even = Equal (x_rest, zero)
  grid = And (y_column, x_even)
  flat_grid = Constant <value_ints = [-1]> ()
  always = Reshape (grid, flat_grid)
  always_count = Cast <to = 7> (always)
  n_grid = ReduceSum <keepdims = 1> (always_count)
""",
    "rank": """
  others = Sub (one, always_count)
  others_in_order = Gather (others, order)
  rank = CumSum (others_in_order, one)
""",
    "join": "all = Or (chosen, always)",
}


def perforated_conv_text(
    domain: str, opset: int, overload: str, *, fill: str | None, residual: bool, activation: str
) -> str:
    """The function pag::PerforatedConv in onnx.parser's syntax; fill None is the body without a mask."""
    steps, result = [], "computed"
    if fill is not None:
        steps.append(_FILL[fill] + _PERFORATE.format(value=result))
        result = "perforated"
    if residual:
        steps.append(_ADD.format(value=result))
        result = "sum"
    if activation != "none":
        steps.append(_ACTIVATE[activation].format(value=result))
        result = "activated"
    return _CONV.format(domain=domain, opset=opset, overload=overload, steps="\n".join(steps), result=result)


def budget_mask_text(domain: str, opset: int, overload: str, *, grid: bool) -> str:
    """The function pag::BudgetMask in onnx.parser's syntax; grid: the coarse grid is always in."""
    parts = _WITH_GRID if grid else _WITHOUT_GRID
    return _BUDGET.format(domain=domain, opset=opset, overload=overload, **parts)


def bottleneck_text(
    domain: str,
    version: int,
    opset: int,
    overload: str,
    *,
    first: bool,
    fill: str | None,
    residual: bool,
    inner_activation: str,
    activation: str,
) -> str:
    """The function pag::Bottleneck in onnx.parser's syntax; fill None is the body without a mask."""
    mask = "" if fill is None else "M"
    parts = {
        "domain": domain,
        "version": version,
        "opset": opset,
        "overload": overload,
        "inner": inner_activation,
        "outer": activation,
        "fill": fill or "zero",
        "mask": mask,
        "first_mask": mask if fill == "interpolate" else "",
        "residual": "R" if residual else "",
        "x": "expanded" if first else "X",
    }
    return _BOTTLENECK.format(first=_FIRST.format(**parts) if first else "", **parts)


def gate_mask_text(domain: str, version: int, opset: int, overload: str, *, grid: bool) -> str:
    """The function pag::GateMask in onnx.parser's syntax; grid: the coarse grid is always in."""
    return _GATE.format(
        domain=domain, version=version, opset=opset, overload=overload, coarse_stride=2 if grid else 0
    )


def upsampled_labels_text(domain: str, opset: int, overload: str, *, extent: bool) -> str:
    """The function pag::UpsampledLabels in onnx.parser's syntax; extent: that input is there."""
    winner = _UPSAMPLED_WHOLE
    if extent:
        rows = _UPSAMPLED_AXIS.format(map="rows", source="L", index=0, axis=1, axis_end=2, spread=[1, 2])
        columns = _UPSAMPLED_AXIS.format(
            map="columns", source="rows", index=1, axis=2, axis_end=3, spread=[1]
        )
        winner = _UPSAMPLED_EXTENT.format(rows=rows, columns=columns)
    return _UPSAMPLED.format(domain=domain, opset=opset, overload=overload, winner=winner)
