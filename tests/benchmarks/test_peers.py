"""The network without its gates, as peers run it, is the network at budget 1."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper

from benchmarks.peers import feeds_of, ungated
from benchmarks.runtimes import session
from model_export.export.exportable import ExportableParser
from model_export.export.onnx_model import to_onnx
from model_export.networks.build import build
from model_export.op.functions import inlined

# Sums of float32 in another order, where the masked bodies and the dense ones differ.
TOLERANCE = 1e-4


@pytest.mark.parametrize("options", [{}, {"skipped": "skip", "multipool": None}], ids=["default", "skip"])
def test_ungated_network_is_the_gated_one_at_budget_1(options: dict[str, str | None]) -> None:
    network = build("resnet26", width=0.125, output_stride=16, **options)
    gated = to_onnx(ExportableParser(network), "small")
    standard = inlined(ungated(gated))
    assert all(node.domain == "" and node.op_type != "TopK" for node in standard.graph.node)
    image = np.random.default_rng(0).integers(0, 256, (1, 64, 96, 3), np.uint8)
    values = {"image": image, "budget": np.ones(1, np.float32)}
    expected = session(gated.SerializeToString(), 1).run(["semantic_logits", "depth", "normals"], values)
    given = session(standard.SerializeToString(), 1).run(None, feeds_of(standard, values))
    for one, other in zip(expected, given, strict=True):
        np.testing.assert_allclose(one, other, rtol=TOLERANCE, atol=TOLERANCE)


def test_mask_that_something_else_reads_is_refused() -> None:
    nodes = [
        helper.make_node("BudgetMask", ["S", "ratio"], ["M"], domain="pag"),
        helper.make_node("Not", ["M"], ["Y"]),
    ]
    inputs = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in ("S", "ratio")]
    outputs = [helper.make_tensor_value_info("Y", onnx.TensorProto.BOOL, None)]
    graph = helper.make_graph(nodes, "mask", inputs, outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)])
    with pytest.raises(ValueError, match="still reads the masks"):
        ungated(model)
