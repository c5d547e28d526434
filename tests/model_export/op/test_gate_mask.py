"""pag::GateMask is BudgetMask of a convolution's scores, in every form."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator
from perforated_conv import DOMAIN, OPSET_VERSION

from model_export.op import functions, reference, schema
from tests.support.operators.block_cases import GATE_INPUTS, GateCase, block_node, gate_cases
from tests.support.operators.bodies import model_of, session_of
from tests.support.operators.types import floats, inferred, typed_model_of


@pytest.fixture(autouse=True, scope="module")
def registered() -> None:
    schema.register()


def gate_model(case: GateCase) -> onnx.ModelProto:
    """The operator with its body."""
    return model_of([case.node], case.inputs, "M")


def two_nodes(case: GateCase) -> onnx.ModelProto:
    """PerforatedConv and BudgetMask in its place."""
    names = ["X", "W", "B"] if "B" in case.inputs else ["X", "W"]
    strides, coarse_stride = case.attributes["strides"], case.attributes["coarse_stride"]
    nodes = [
        helper.make_node("PerforatedConv", names, ["scores"], domain=DOMAIN, strides=strides),
        helper.make_node("Squeeze", ["scores", "channel"], ["S"]),
        helper.make_node("BudgetMask", ["S", "ratio"], ["M"], domain=DOMAIN, coarse_stride=coarse_stride),
    ]
    return model_of(nodes, case.inputs, "M", [onnx.numpy_helper.from_array(np.array([3]), "channel")])


@settings(max_examples=80, deadline=None)
@given(case=gate_cases())
def test_the_body_is_the_reference_and_the_two_operators(case: GateCase) -> None:
    model = gate_model(case)
    onnx.checker.check_model(model, full_check=True)
    (got,) = session_of(model).run(None, case.inputs)
    np.testing.assert_array_equal(got, case.expected())
    np.testing.assert_array_equal(got, session_of(two_nodes(case)).run(None, case.inputs)[0])


@settings(max_examples=20, deadline=None)
@given(case=gate_cases())
def test_onnx_reference_runs_the_operator_and_the_inlined_body(case: GateCase) -> None:
    model = gate_model(case)
    inlined = ReferenceEvaluator(functions.inlined(model))
    np.testing.assert_array_equal(inlined.run(None, case.inputs)[0], case.expected())
    del model.functions[:]
    model.graph.node[0].overload = ""
    operator = ReferenceEvaluator(model, new_ops=reference.OPERATORS)
    np.testing.assert_array_equal(operator.run(None, case.inputs)[0], case.expected())


@pytest.mark.parametrize("coarse_stride", [0, 2])
@pytest.mark.parametrize("ratio", [1.0, 1.5, np.inf])
def test_a_ratio_of_one_and_more_is_everything_whatever_the_scores(coarse_stride: int, ratio: float) -> None:
    X = np.array([np.nan, np.inf, -np.inf, 0, 1, -1], np.float32).reshape(1, 2, 3, 1)
    inputs = {"X": X, "W": np.ones((1, 1, 1, 1), np.float32), "ratio": np.array([ratio], np.float32)}
    case = GateCase(inputs, {"strides": [1, 1], "coarse_stride": coarse_stride})
    assert case.expected().all()
    assert session_of(gate_model(case)).run(None, inputs)[0].all()


@pytest.mark.parametrize("coarse_stride", [0, 2])
def test_the_body_is_flat_and_has_the_schema_s_inputs_and_defaults(coarse_stride: int) -> None:
    declared = onnx.defs.get_schema("GateMask", OPSET_VERSION, DOMAIN)
    present = dict.fromkeys(GATE_INPUTS)
    body = functions.function(block_node("GateMask", GATE_INPUTS, present, "M", coarse_stride=coarse_stride))
    assert {node.domain for node in body.node} == {""}
    assert tuple(body.input) == GATE_INPUTS == tuple(i.name for i in declared.inputs)
    assert list(body.output) == [o.name for o in declared.outputs]
    assert {a.name: helper.get_attribute_value(a) for a in body.attribute_proto} == {
        name: helper.get_attribute_value(a.default_value) for name, a in declared.attributes.items()
    }


def test_the_inferred_shape_is_the_strided_map_s() -> None:
    inputs = {"X": floats("N", 7, 8, 3), "W": floats(1, 1, 1, 3), "ratio": floats("N")}
    node = block_node("GateMask", GATE_INPUTS, inputs, "M", strides=[2, 2], coarse_stride=2)
    assert inferred(typed_model_of(node, inputs, "M")) == (TensorProto.BOOL, [None, 4, 4])


def test_wrong_inputs_are_refused() -> None:
    X, ratio = np.ones((1, 2, 2, 3), np.float32), np.ones(1, np.float32)
    with pytest.raises(ValueError, match=r"W \(2, 1, 1, 3\)"):
        reference.gate_mask(X, np.ones((2, 1, 1, 3), np.float32), None, ratio)
    with pytest.raises(ValueError, match="coarse_stride"):
        reference.gate_mask(X, np.ones((1, 1, 1, 3), np.float32), None, ratio, coarse_stride=4)
    node = block_node("GateMask", GATE_INPUTS, dict.fromkeys(GATE_INPUTS), "M", coarse_stride=3)
    with pytest.raises(ValueError, match=r"coarse_stride.*3"):
        functions.function(node)
