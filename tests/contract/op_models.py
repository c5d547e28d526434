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

from model_export.op.reference import BudgetMask, PerforatedConv
from tests.contract.op_nodes import OUTPUTS, Array, model_of, uniform

SAME = {"pads": (1,) * 4}


@dataclass(frozen=True)
class Model:
    """Nodes that make Y of the inputs, each named by what its random values shall be (see feeds)."""

    nodes: list[onnx.NodeProto]
    inputs: Mapping[str, tuple[int, ...]]
    constants: Mapping[str, Array]

    def proto(self) -> onnx.ModelProto:
        kinds = {name: (np.bool_ if name == "M" else np.float32, len(s)) for name, s in self.inputs.items()}
        return model_of(self.nodes, kinds, self.constants, OUTPUTS["PerforatedConv"])

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
        return ReferenceEvaluator(self.proto(), new_ops=[PerforatedConv, BudgetMask]).run(None, feeds)[0]


def conv(names: str, y: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node("PerforatedConv", names.split(), [y], domain=DOMAIN, **attributes)


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
        helper.make_node("BudgetMask", ["S", "ratio"], ["M"], domain=DOMAIN, coarse_stride=2),
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


# Sizes give every layer several chunks of work and no channel count is a multiple of a vector.
MODELS = {
    "3x3": layer((2, 23, 31, 30), (45, 3, 3, 30), True, activation="relu", fill="interpolate", **SAME),
    "1x1": layer((1, 37, 41, 34), (70, 1, 1, 34), False),
    "depthwise": layer((2, 29, 33, 75), (75, 3, 3, 1), False, group=75, fill="interpolate", **SAME),
    "gated block": gated_block(3, 22, 27),
    "two branches": two_branches(),
}
