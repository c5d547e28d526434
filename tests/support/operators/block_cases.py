"""Random Bottleneck and GateMask nodes, for every form that is compared with the reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import helper
from perforated_conv import DOMAIN

from model_export.op import reference

Array = NDArray[Any]

BOTTLENECK_INPUTS = ("X", "W_first", "B_first", "W", "B", "W_last", "B_last", "M", "R")
GATE_INPUTS = ("X", "W", "B", "ratio")
ACTIVATIONS = ("none", "relu", "relu6")


@dataclass(frozen=True)
class BottleneckCase:
    """Inputs of Bottleneck by name, absent ones left out, and its attributes."""

    inputs: dict[str, Array]
    attributes: dict[str, Any]

    @property
    def node(self) -> onnx.NodeProto:
        return block_node("Bottleneck", BOTTLENECK_INPUTS, self.inputs, "Y", **self.attributes)

    def expected(self) -> Array:
        return reference.bottleneck(**self._all_inputs(), **self.attributes)

    def magnitude(self) -> Array:
        """The sum of the absolute values of all products of weights and inputs that meet in each value.

        Roundings by at most u in each of k places change a value by at most ((1 + u)^k - 1) of it:
        interpolation is a mean, and activations bring no two values further apart.
        """
        inputs = {name: np.abs(value) for name, value in self._all_inputs().items() if value is not None}
        inputs.pop("R", None)
        if "M" in self.inputs:
            inputs["M"] = self.inputs["M"]
        plain = {"inner_activation": "none", "activation": "none"}
        return reference.bottleneck(
            **(self._all_inputs() | {"R": None} | inputs), **(self.attributes | plain)
        )

    def _all_inputs(self) -> dict[str, Any]:
        return {name: self.inputs.get(name) for name in BOTTLENECK_INPUTS}


@dataclass(frozen=True)
class GateCase:
    """Inputs of GateMask by name, absent ones left out, and its attributes."""

    inputs: dict[str, Array]
    attributes: dict[str, Any]

    @property
    def node(self) -> onnx.NodeProto:
        return block_node("GateMask", GATE_INPUTS, self.inputs, "M", **self.attributes)

    def expected(self) -> Array:
        return reference.gate_mask(**({"B": None} | self.inputs), **self.attributes)


def block_node(
    op: str, names: tuple[str, ...], present: dict[str, Array], output: str, **attributes: Any
) -> onnx.NodeProto:
    """A node whose inputs are the present ones of `names`, trailing absent ones dropped."""
    kept = [name if name in present else "" for name in names]
    while not kept[-1]:
        kept.pop()
    return helper.make_node(op, kept, [output], domain=DOMAIN, **attributes)


@dataclass(frozen=True)
class _Axis:
    kernel: int
    stride: int
    dilation: int
    pads: tuple[int, int]
    output: int


def _axis(draw: st.DrawFn, length: int, *, keeps: bool, dilates: bool) -> _Axis:
    """Kernel, stride, dilation and padding that leave a pixel of this length, or keep it."""
    kernel, dilation = draw(st.integers(1, 3)), draw(st.integers(1, 2)) if dilates else 1
    reach = dilation * (kernel - 1) + 1
    if keeps:
        before = draw(st.integers(0, reach - 1))
        return _Axis(kernel, 1, dilation, (before, reach - 1 - before), length)
    before, after, stride = draw(st.integers(0, 2)), draw(st.integers(0, 2)), draw(st.integers(1, 2))
    after = max(after, reach - length - before)
    return _Axis(kernel, stride, dilation, (before, after), (length + before + after - reach) // stride + 1)


def _weights(rng: np.random.Generator, *shape: int) -> Array:
    """Of six significant bits, which bfloat16 holds, as an exported network's are held by it."""
    return (rng.integers(-32, 33, shape) / 32).astype(np.float32)


@st.composite
def bottleneck_cases(draw: st.DrawFn, channels: int = 5, side: int = 7) -> BottleneckCase:
    """Any geometry on maps of up to `side` pixels an axis, up to `channels` channels."""
    fill, first = draw(st.sampled_from(["zero", "interpolate"])), draw(st.booleans())
    density = draw(st.sampled_from([None, 0.0, 0.4, 1.0]))
    depthwise = draw(st.booleans()) or not first
    widths = st.integers(1, channels)
    images, outer, inner, middle, last = draw(st.integers(1, 2)), *(draw(widths) for _ in range(4))
    inner = max(2, inner) if depthwise else inner  # a group of one is no depthwise convolution
    outer, middle = outer if first else inner, inner if depthwise else middle
    size = [draw(st.integers(1, side)) for _ in range(2)]
    expand = [_axis(draw, length, keeps=False, dilates=False) for length in size]
    keeps = first and fill == "interpolate" and density is not None
    between = [axis.output for axis in expand] if first else size
    spatial = [_axis(draw, length, keeps=keeps, dilates=True) for length in between]
    out = [axis.output for axis in spatial]
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    inputs = {
        "X": rng.standard_normal((images, *size, outer)).astype(np.float32),
        "W_first": _weights(rng, inner, *(axis.kernel for axis in expand), outer),
        "B_first": rng.standard_normal(inner).astype(np.float32),
        "W": _weights(rng, middle, *(axis.kernel for axis in spatial), 1 if depthwise else inner),
        "B": rng.standard_normal(middle).astype(np.float32),
        "W_last": _weights(rng, last, 1, 1, middle),
        "B_last": rng.standard_normal(last).astype(np.float32),
        "M": rng.random((images, *out)) < (density or 0.0),
        "R": rng.standard_normal((images, *out, last)).astype(np.float32),
    }
    absent = draw(st.sets(st.sampled_from(["B_first", "B", "B_last", "R"])))
    absent |= (set() if first else {"W_first", "B_first"}) | ({"M"} if density is None else set())
    attributes = {
        **_geometry("", spatial),
        "dilations": [axis.dilation for axis in spatial],
        "group": inner if depthwise else 1,
        "inner_activation": draw(st.sampled_from(ACTIVATIONS)),
        "activation": draw(st.sampled_from(ACTIVATIONS)),
        "fill": fill,
    } | (_geometry("first_", expand) if first else {})
    return BottleneckCase({name: v for name, v in inputs.items() if name not in absent}, attributes)


def _geometry(prefix: str, axes: list[_Axis]) -> dict[str, list[int]]:
    pads = [axis.pads[side] for side in (0, 1) for axis in axes]
    return {f"{prefix}strides": [axis.stride for axis in axes], f"{prefix}pads": pads}


@st.composite
def gate_cases(draw: st.DrawFn, channels: int = 6) -> GateCase:
    """Numbers whose products and sums are exact in float32, in whatever order, and are not in bfloat16."""
    strides, size = [draw(st.integers(1, 2)) for _ in range(2)], [draw(st.integers(1, 8)) for _ in range(2)]
    images, width = draw(st.integers(1, 3)), draw(st.integers(1, channels))
    ratios = st.sampled_from([-1.0, 0.0, np.nan, 1e-6, 1.0, 2.0, np.inf]) | st.floats(0, 1, width=32)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    bits = draw(st.sampled_from([2, 11]))  # few bits make ties
    inputs = {
        "X": rng.integers(-(2**bits), 2**bits, (images, *size, width)).astype(np.float32),
        "W": rng.integers(-64, 65, (1, 1, 1, width)).astype(np.float32),
        "B": rng.integers(-99, 99, 1).astype(np.float32),
        "ratio": np.array([draw(ratios) for _ in range(images)], np.float32),
    }
    if draw(st.booleans()):
        del inputs["B"]
    return GateCase(inputs, {"strides": strides, "coarse_stride": draw(st.sampled_from([0, 2]))})
