"""A real, very small model folder that obeys the contract, for tests that must not wait for training."""

from __future__ import annotations

import colorsys
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from service.model_folder.files import file_entry

CLASSES = 40
FLOOR = 0.25
# Pixels of a small photograph. Those of the warm-up have more.
SMALL = 128 * 128
ANY = 2**62


def manifest_document(name: str = "tiny") -> dict[str, Any]:
    """Manifest as JSON types; its file entry is a placeholder until `write_model` fills it."""
    gates = [
        {"name": "trunk.0", "stride": 8, "multiply_adds": 400, "coarse_stride": 2},
        {"name": "trunk.1", "stride": 16, "multiply_adds": 450, "coarse_stride": 0},
    ]
    return {
        "schema_version": 2,
        "name": name,
        "version": "1.0.0",
        "description": "Pooled pixel values through fixed weights.",
        "created": "2026-01-01",
        "files": {"model.onnx": {"sha256": "0" * 64, "bytes": 1}},
        "operator": {"domain": "pag", "version": 1},
        "input": {
            "image": "image",
            "budget": "budget",
            "layout": "NHWC",
            "dtype": "uint8",
            "channels": "RGB",
            "size_multiple": 32,
            "working_pixels": 307200,
            "normalisation": "(pixel - 127) / 128, inside the graph",
        },
        "budget": {
            "floor": FLOOR,
            "default": 1.0,
            "gates": gates,
            "table": [
                {"budget": FLOOR, "ratios": [0.125, 0.0]},
                {"budget": 0.5, "ratios": [0.5, 0.25]},
                {"budget": 1.0, "ratios": [1.0, 1.0]},
            ],
        },
        "multiply_adds": {"reference_size": [480, 640], "total": 1000, "always": 150},
        "maps": map_entries(),
        "metrics": {
            "protocol": "made up",
            "splits": {"val": [{"budget": 1.0, "share": 1.0, "miou40": 0.3}, {"budget": 0.5, "share": 0.5}]},
        },
        "training": {
            "commands": ["none"],
            "commit": "none",
            "date": "2026-01-01",
            "machine": "none",
            "seed": 0,
        },
        "licence": {"weights": "Apache-2.0", "data_terms": "none"},
    }


def map_entries(*names: str) -> list[dict[str, Any]]:
    """The manifest's entries of the maps `names`, or of all."""
    classes = [{"id": i, "name": f"class {i}", "color": _colour(i)} for i in range(CLASSES)]
    frame = "x right, y down, z towards the camera"
    entries: list[dict[str, Any]] = [
        {"name": "semantics", "kind": "labels", "output": "semantic_logits", "classes": classes, "void": 255},
        {"name": "depth", "kind": "metric", "output": "depth", "unit": "metre", "range": [0.5, 10.0]},
        {"name": "normals", "kind": "vectors", "output": "normals", "frame": frame},
        {"name": "computed", "kind": "share", "output": "computed"},
    ]
    return [{**entry, "stride": 8} for entry in entries if not names or entry["name"] in names]


def write_model(
    root: Path,
    name: str = "tiny",
    slow_nodes: int = 0,
    only: tuple[int, int] | None = None,
    slow_pixels: int = ANY,
    **changes: Any,
) -> Path:
    """Write `root/name/{model.onnx, manifest.json}`; `changes` replace top-level keys of the manifest.

    Each of `slow_nodes` multiplies two 384x384 matrices to no effect: about a millisecond. They are
    trivial for images of more than `slow_pixels` pixels: with SMALL the warm-up is quick, its costs too low.
    With `only` the graph fails at run time for all outputs but those of this height and width.
    """
    folder = root / name
    folder.mkdir(parents=True)
    onnx.save(build_graph(slow_nodes, only, slow_pixels), folder / "model.onnx")
    document = manifest_document(name) | changes
    document["files"] = {"model.onnx": file_entry(folder / "model.onnx").model_dump()}
    (folder / "manifest.json").write_text(json.dumps(document))
    return folder


def build_graph(
    slow_nodes: int = 0, only: tuple[int, int] | None = None, slow_pixels: int = ANY
) -> onnx.ModelProto:
    """Graph: 8x8 average pooling of (image - 127) / 128, then fixed weights; the budget scales depth.

    semantic_logits = pooled @ W; depth = mean over channels + 2 + budget;
    normals = pooled + (0, 0, 2), normalised; computed = budget.
    """
    rng = np.random.default_rng(0)
    constants = {
        "floor": np.float32(FLOOR),
        "one": np.float32(1),
        "two": np.float32(2),
        "mean": np.float32(127),
        "scale": np.float32(128),
        "weights": (4 * rng.normal(size=(3, CLASSES))).astype(np.float32),
        "forward": np.array([0, 0, 2], np.float32),
        "last": np.array([-1], np.int64),
        "tail": np.array([1, 2], np.int64),
        "zero": np.float32(0),
        "square": np.array([1, 384, 384], np.int64),
        "point": np.array([1, 1, 1], np.int64),
        "slow_pixels": np.array([slow_pixels], np.int64),
        "all": np.array([0, 1, 2], np.int64),
        "bias": np.zeros((1, *(only or (1, 1))), np.float32),
    }
    nodes = [
        helper.make_node("Clip", ["budget", "floor", "one"], ["used"]),
        helper.make_node("Unsqueeze", ["used", "tail"], ["used_map"]),
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["float", "mean"], ["centred"]),
        helper.make_node("Div", ["centred", "scale"], ["scaled"]),
        helper.make_node("Transpose", ["scaled"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("AveragePool", ["planes"], ["pooled"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Transpose", ["pooled"], ["cells"], perm=[0, 2, 3, 1]),
        helper.make_node("MatMul", ["cells", "weights"], ["semantic_logits"]),
        helper.make_node("ReduceMean", ["cells", "last"], ["grey"], keepdims=0),
        helper.make_node("Add", ["grey", "bias"], ["biased"]),
        helper.make_node("Add", ["biased", "two"], ["near"]),
        helper.make_node("Add", ["near", "used_map"], ["slow.depth"]),
        helper.make_node("Add", ["cells", "forward"], ["towards"]),
        helper.make_node("ReduceL2", ["towards", "last"], ["length"], keepdims=1),
        helper.make_node("Div", ["towards", "length"], ["normals"]),
        helper.make_node("Mul", ["grey", "zero"], ["nothing"]),
        helper.make_node("Add", ["nothing", "used_map"], ["computed"]),
    ]
    graph = helper.make_graph(
        [*nodes, *_slow_nodes(slow_nodes)],
        "tiny",
        [_value("image", TensorProto.UINT8, "N", "H", "W", 3), _value("budget", TensorProto.FLOAT, "N")],
        [
            _value("semantic_logits", TensorProto.FLOAT, "N", "h", "w", CLASSES),
            _value("depth", TensorProto.FLOAT, "N", "h", "w"),
            _value("normals", TensorProto.FLOAT, "N", "h", "w", 3),
            _value("computed", TensorProto.FLOAT, "N", "h", "w"),
        ],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
    onnx.checker.check_model(model)
    return model


def _slow_nodes(count: int) -> list[onnx.NodeProto]:
    products = [helper.make_node("MatMul", [f"slow.{i}", "slow.0"], [f"slow.{i + 1}"]) for i in range(count)]
    return [
        # From an input, or the runtime would multiply once when it loads.
        helper.make_node("Mul", ["used_map", "zero"], ["zero_map"]),
        helper.make_node("Shape", ["image"], ["sides"], start=1, end=3),
        helper.make_node("ReduceProd", ["sides"], ["pixels"]),
        helper.make_node("LessOrEqual", ["pixels", "slow_pixels"], ["slowed"]),
        helper.make_node("Where", ["slowed", "square", "point"], ["slow.shape"]),
        helper.make_node("Expand", ["zero_map", "slow.shape"], ["slow.0"]),
        *products,
        helper.make_node("ReduceMax", [f"slow.{count}", "all"], ["slow.most"], keepdims=0),
        helper.make_node("Add", ["slow.depth", "slow.most"], ["depth"]),
    ]


def _value(name: str, kind: int, *shape: str | int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def _colour(index: int) -> list[int]:
    return [round(255 * part) for part in colorsys.hsv_to_rgb(index / CLASSES, 0.7, 0.9)]
