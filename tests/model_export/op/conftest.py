"""Random cases of the operators, drawn once for every form that is compared with the reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from numpy.typing import NDArray


@dataclass(frozen=True)
class ConvCase:
    """Inputs of PerforatedConv by name, absent ones left out, and its attributes."""

    inputs: dict[str, NDArray[Any]]
    attributes: dict[str, Any]


@dataclass(frozen=True)
class MaskCase:
    """Inputs of BudgetMask and its attribute."""

    S: NDArray[np.float32]
    ratio: NDArray[np.float32]
    coarse_stride: int


def _pair(low: int, high: int) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(low, high), min_size=2, max_size=2)


@st.composite
def _conv_case(draw: st.DrawFn) -> ConvCase:
    """Any kernel, stride, dilation and one-sided padding that leaves an output of 1 to 7 pixels an axis."""
    kernel, strides, dilations = draw(_pair(1, 3)), draw(_pair(1, 3)), draw(_pair(1, 3))
    pads = draw(_pair(0, 2)) + draw(_pair(0, 2))
    size, output = [], []
    for axis in (0, 1):
        reach = dilations[axis] * (kernel[axis] - 1) + 1
        padding = pads[axis] + pads[axis + 2]
        length = max(1, reach - padding + draw(st.integers(0, 6)))
        size.append(length)
        output.append((length + padding - reach) // strides[axis] + 1)
    images, channels, outputs = draw(st.integers(1, 3)), draw(st.integers(1, 4)), draw(st.integers(1, 4))
    group = channels if draw(st.booleans()) else 1
    outputs = channels if group > 1 else outputs
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    inputs = {
        "X": rng.standard_normal((images, *size, channels)).astype(np.float32),
        "W": rng.standard_normal((outputs, *kernel, channels // group)).astype(np.float32),
        "B": rng.standard_normal(outputs).astype(np.float32),
        "M": rng.random((images, *output)) < draw(st.sampled_from([0.0, 0.4, 1.0])),
        "R": rng.standard_normal((images, *output, outputs)).astype(np.float32),
    }
    absent = draw(st.sets(st.sampled_from(["B", "M", "R"])))
    return ConvCase(
        {name: value for name, value in inputs.items() if name not in absent},
        {
            "strides": strides,
            "dilations": dilations,
            "pads": pads,
            "group": group,
            "activation": draw(st.sampled_from(["none", "relu", "relu6"])),
            "fill": draw(st.sampled_from(["zero", "interpolate"])),
        },
    )


@st.composite
def _mask_case(draw: st.DrawFn) -> MaskCase:
    """Scores with many ties, among them all that a float can be."""
    shape = [draw(st.integers(1, 3)), draw(st.integers(1, 7)), draw(st.integers(1, 7))]
    special = [np.nan, -np.inf, np.inf, np.finfo(np.float32).max, -0.0, 0.0, 1.0, -1.0]
    ratios = st.sampled_from([-1.0, 0.0, np.nan, 1e-6, 1.0, 2.0, np.inf]) | st.floats(0, 1, width=32)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    S = np.where(rng.random(shape) < 0.5, rng.choice(special, shape), rng.standard_normal(shape))
    ratio = [draw(ratios) for _ in range(shape[0])]
    return MaskCase(S.astype(np.float32), np.array(ratio, np.float32), draw(st.sampled_from([0, 2])))


@pytest.fixture(scope="session")
def conv_cases() -> st.SearchStrategy[ConvCase]:
    """Strategy of PerforatedConv cases."""
    return _conv_case()


@pytest.fixture(scope="session")
def mask_cases() -> st.SearchStrategy[MaskCase]:
    """Strategy of BudgetMask cases."""
    return _mask_case()
