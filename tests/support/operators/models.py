"""Small models of the native operators, for tests of what a session does; a new operator joins MODELS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import helper
from onnx.reference import ReferenceEvaluator
from perforated_conv import DOMAIN

from model_export.op.reference import OPERATORS
from tests.support.operators.nodes import Array, model_of, uniform

SAME = {"pads": (1,) * 4}


@dataclass(frozen=True)
class Model:
    """Nodes that make Y of the inputs, each named by what its random values shall be (see feeds)."""

    nodes: list[onnx.NodeProto]
    inputs: Mapping[str, tuple[int, ...]]
    constants: Mapping[str, Array]

    def proto(self) -> onnx.ModelProto:
        kinds = {name: (np.bool_ if name == "M" else np.float32, len(s)) for name, s in self.inputs.items()}
        return model_of(self.nodes, kinds, self.constants)

    def feeds(self, seed: int) -> dict[str, Array]:
        """Values in [-1, 1]; "ratio" is a budget per image, 0 and 1 among them; "M" a mask as dense."""
        rng = np.random.default_rng(seed)
        values: dict[str, Array] = {}
        for name, shape in self.inputs.items():
            ratio = rng.permutation(np.resize([rng.random(), 0, 1, rng.random()], shape[0])).astype(
                np.float32
            )
            if name == "ratio":
                values[name] = ratio
            elif name == "M":
                values[name] = rng.random(shape) < ratio.reshape(-1, 1, 1)
            else:
                values[name] = uniform(rng, *shape)
        return values

    def reference(self, feeds: dict[str, Array]) -> Array:
        return ReferenceEvaluator(self.proto(), new_ops=OPERATORS).run(None, feeds)[0]


def node(op: str, names: str, y: str, **attributes: Any) -> onnx.NodeProto:
    """A node of our domain; a dash in the list of inputs leaves one out."""
    inputs = ["" if name == "-" else name for name in names.split()]
    return helper.make_node(op, inputs, [y], domain=DOMAIN, **attributes)


def conv(names: str, y: str, **attributes: Any) -> onnx.NodeProto:
    return node("PerforatedConv", names, y, **attributes)


def layer(
    x: tuple[int, int, int, int], w: tuple[int, int, int, int], residual: bool, **attributes: Any
) -> Model:
    """One convolution that keeps height and width, with a mask."""
    rng = np.random.default_rng(1)
    out = x[:3]
    inputs = {"X": x, "M": out} | ({"R": (*out, w[0])} if residual else {})
    constants = {"W": uniform(rng, *w), "B": uniform(rng, w[0])}
    return Model([conv("X W B M R" if residual else "X W B M", "Y", **attributes)], inputs, constants)


def gated_block(images: int, height: int, width: int) -> Model:
    """A mask by budget, then expand, depthwise and project under it, then the skip: a residual block."""
    rng = np.random.default_rng(2)
    nodes = [
        node("BudgetMask", "S ratio", "M", coarse_stride=2),
        conv("X W1 B1 M", "E", activation="relu6", fill="interpolate"),
        conv("E W2 B2 M", "D", group=48, activation="relu6", fill="interpolate", **SAME),
        conv("D W3 B3 M X", "Y"),
    ]
    constants = {
        "W1": uniform(rng, 48, 1, 1, 24), "B1": uniform(rng, 48), "W2": uniform(rng, 48, 3, 3, 1),
        "B2": uniform(rng, 48), "W3": uniform(rng, 24, 1, 1, 48), "B3": uniform(rng, 24),
    }  # fmt: skip
    inputs = {"X": (images, height, width, 24), "S": (images, height, width), "ratio": (images,)}
    return Model(nodes, inputs, constants)


def two_branches() -> Model:
    """Two layers that do not depend on each other, then one of both."""
    rng = np.random.default_rng(3)
    nodes = [
        conv("X W1 B1 M", "A", activation="relu", fill="interpolate", **SAME),
        conv("X W2 B2 M", "C", activation="relu", **SAME),
        conv("A W3 B3 M C", "Y"),
    ]
    constants = {
        "W1": uniform(rng, 20, 3, 3, 16), "B1": uniform(rng, 20), "W2": uniform(rng, 24, 3, 3, 16),
        "B2": uniform(rng, 24), "W3": uniform(rng, 24, 1, 1, 20), "B3": uniform(rng, 24),
    }  # fmt: skip
    return Model(nodes, {"X": (2, 17, 19, 16), "M": (2, 17, 19)}, constants)


def gated_bottleneck(fill: str, depthwise: bool) -> Model:
    """The mask of a gate on X, then a whole block under it, with the skip."""
    rng = np.random.default_rng(4)
    channels, inner = 19, 70
    nodes = [
        node("GateMask", "X G - ratio", "M", coarse_stride=2),
        node("Bottleneck", "X W1 B1 W2 B2 W3 B3 M X", "Y", group=inner if depthwise else 1,
             inner_activation="relu", fill=fill, **SAME),
    ]  # fmt: skip
    middle = uniform(rng, inner, 3, 3, 1 if depthwise else inner) / (1 if depthwise else 8)
    constants = {
        "G": uniform(rng, 1, 1, 1, channels), "W1": uniform(rng, inner, 1, 1, channels),
        "B1": uniform(rng, inner), "W2": middle, "B2": uniform(rng, inner),
        "W3": uniform(rng, channels, 1, 1, inner) / 8, "B3": uniform(rng, channels),
    }  # fmt: skip
    return Model(nodes, {"X": (2, 25, 22, channels), "ratio": (2,)}, constants)


def labels() -> Model:
    """The classes of a map at four times its size."""
    sizes = {"size": np.array([88, 104]), "extent": np.array([21.5, 26], np.float32)}
    return Model([node("UpsampledLabels", "L size extent", "Y")], {"L": (2, 22, 26, 40)}, sizes)


# Sizes give every layer several chunks of work and no channel count is a multiple of a vector.
MODELS = {
    "3x3": layer((2, 23, 31, 30), (45, 3, 3, 30), True, activation="relu", fill="interpolate", **SAME),
    "1x1": layer((1, 37, 41, 34), (70, 1, 1, 34), False),
    "depthwise": layer((2, 29, 33, 75), (75, 3, 3, 1), False, group=75, fill="interpolate", **SAME),
    "gated block": gated_block(3, 22, 27),
    "two branches": two_branches(),
    "bottleneck": gated_bottleneck("zero", depthwise=False),
    "inverted bottleneck": gated_bottleneck("interpolate", depthwise=True),
    "labels": labels(),
}
