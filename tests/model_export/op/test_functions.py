"""The bodies in standard operators give the reference's numbers in ONNX Runtime, and stay out of its way."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator
from perforated_conv import DOMAIN

from model_export.op import functions, reference
from tests.support.operators.bodies import model_of, session_of

# float32 sums of at most 36 products of standard normal numbers, in another order than the reference's.
TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}


def conv_node(inputs, output="Y", **attributes):
    names = [name if name in inputs else "" for name in "XWBMR"]
    while not names[-1]:
        names.pop()
    return helper.make_node("PerforatedConv", names, [output], domain=DOMAIN, **attributes)


def mask_node(coarse_stride=0):
    return helper.make_node("BudgetMask", ["S", "ratio"], ["M"], domain=DOMAIN, coarse_stride=coarse_stride)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_conv_body_is_the_reference(conv_cases, data):
    case = data.draw(conv_cases)
    model = model_of([conv_node(case.inputs, **case.attributes)], case.inputs, "Y")
    onnx.checker.check_model(model, full_check=True)
    (got,) = session_of(model).run(None, case.inputs)
    want = reference.perforated_conv(**case.inputs, **case.attributes)
    assert got.shape == want.shape
    np.testing.assert_allclose(got, want, **TOLERANCE)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_mask_body_is_the_reference(mask_cases, data):
    case = data.draw(mask_cases)
    feeds = {"S": case.S, "ratio": case.ratio}
    (got,) = session_of(model_of([mask_node(case.coarse_stride)], feeds, "M")).run(None, feeds)
    np.testing.assert_array_equal(got, reference.budget_mask(**feeds, coarse_stride=case.coarse_stride))


def test_mask_body_holds_on_a_real_size():
    # Scores in steps of 1/64 make hundreds of ties; the runtime may sort long rows by another method.
    rng = np.random.default_rng(0)
    feeds = {
        "S": (rng.integers(0, 64, (2, 60, 80)) / 64).astype(np.float32),
        "ratio": np.array([0.3, 0.7], np.float32),
    }
    (got,) = session_of(model_of([mask_node(2)], feeds, "M")).run(None, feeds)
    np.testing.assert_array_equal(got, reference.budget_mask(**feeds, coarse_stride=2))


def test_attributes_left_out_have_the_schema_s_defaults():
    rng = np.random.default_rng(1)
    feeds = {"X": rng.random((1, 4, 5, 2), np.float32), "W": rng.random((3, 2, 2, 2), np.float32)}
    (got,) = session_of(model_of([conv_node(feeds)], feeds, "Y")).run(None, feeds)
    np.testing.assert_allclose(got, reference.perforated_conv(**feeds), **TOLERANCE)


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_onnx_reference_runs_operators_and_inlined_bodies(conv_cases, data):
    case = data.draw(conv_cases)
    model = model_of([conv_node(case.inputs, **case.attributes)], case.inputs, "Y")
    want = reference.perforated_conv(**case.inputs, **case.attributes)
    operators = ReferenceEvaluator(model, new_ops=[reference.PerforatedConv, reference.BudgetMask])
    np.testing.assert_array_equal(operators.run(None, case.inputs)[0], want)
    body = ReferenceEvaluator(functions.inlined(model))
    np.testing.assert_allclose(body.run(None, case.inputs)[0], want, **TOLERANCE)


@pytest.mark.parametrize("coarse_stride", [0, 2])
def test_onnx_reference_runs_the_inlined_mask(coarse_stride):
    rng = np.random.default_rng(2)
    feeds = {"S": rng.random((2, 5, 4), np.float32), "ratio": np.array([0.3, 0.6], np.float32)}
    body = ReferenceEvaluator(functions.inlined(model_of([mask_node(coarse_stride)], feeds, "M")))
    want = reference.budget_mask(**feeds, coarse_stride=coarse_stride)
    np.testing.assert_array_equal(body.run(None, feeds)[0], want)


def chain(length, channels=8, masked=False, residual=False, **attributes):
    """PerforatedConv after PerforatedConv, 3 x 3, each adding its own input if residual."""
    rng = np.random.default_rng(3)
    weights = rng.standard_normal((channels, 3, 3, channels)).astype(np.float32) / 9
    feeds = {"X": rng.standard_normal((2, 9, 6, channels)).astype(np.float32)}
    if masked:
        feeds["M"] = rng.random((2, 9, 6)) < 0.5
    mask = "M" if masked else ""
    nodes, x = [], "X"
    for i in range(length):
        inputs = [x, "W", "", mask, x if residual else ""]
        nodes.append(
            helper.make_node(
                "PerforatedConv", inputs, [f"Y{i}"], domain=DOMAIN, pads=[1, 1, 1, 1], **attributes
            )
        )
        x = f"Y{i}"
    return model_of(nodes, feeds, x, [onnx.numpy_helper.from_array(weights, "W")]), feeds


def optimized(model, path):
    """How many nodes of each type ONNX Runtime runs after its extended optimizations."""
    level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    session_of(model, optimized_model_filepath=str(path), graph_optimization_level=level)
    return Counter(node.op_type for node in onnx.load(path).graph.node)


@pytest.mark.parametrize("fill", ["zero", "interpolate"])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("residual", [False, True])
def test_transposes_between_neighbours_cancel(tmp_path, fill, masked, residual):
    model, _ = chain(5, masked=masked, residual=residual, fill=fill, activation="relu")
    assert optimized(model, tmp_path / "optimized.onnx")["Transpose"] == 2


def test_dense_nodes_become_fused_convolutions(tmp_path):
    model, _ = chain(5, activation="relu")
    assert optimized(model, tmp_path / "optimized.onnx") == {"Transpose": 2, "FusedConv": 5}


def test_variants_stand_side_by_side_and_are_shared():
    model, feeds = chain(3, masked=True, residual=True, fill="interpolate")
    first, second, third = model.graph.node
    second.input[3] = ""
    functions.attach(model)
    assert [n.overload for n in (first, second, third)] == [
        "interpolate_residual_none",
        "dense_residual_none",
        "interpolate_residual_none",
    ]
    assert len(model.functions) == 2
    got = session_of(model).run(None, feeds)[0]
    want = ReferenceEvaluator(model, new_ops=[reference.PerforatedConv]).run(None, feeds)[0]
    # Three layers whose weights add up to less than three times the input: errors grow accordingly.
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)


def test_one_session_takes_any_size():
    feeds = {"W": np.ones((2, 3, 3, 1), np.float32)}
    shapes = {"X": np.zeros((1, 1, 1, 1), np.float32), "M": np.zeros((1, 1, 1), np.bool_)}
    attributes = {"pads": [1, 1, 1, 1], "fill": "interpolate"}
    session = session_of(model_of([conv_node(feeds | shapes, **attributes)], feeds | shapes, "Y"))
    rng = np.random.default_rng(4)
    for n, h, w in [(1, 1, 1), (3, 8, 5), (2, 1, 6), (1, 7, 1)]:
        feeds |= {"X": rng.random((n, h, w, 1), np.float32), "M": rng.random((n, h, w)) < 0.3}
        want = reference.perforated_conv(**feeds, **attributes)
        np.testing.assert_allclose(session.run(None, feeds)[0], want, **TOLERANCE)


def test_nodes_in_branches_get_their_bodies():
    feeds = {"X": np.full((1, 2, 2, 1), -1, np.float32), "W": np.ones((1, 1, 1, 1), np.float32)}

    def branch(name, activation):
        output = helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
        return helper.make_graph([conv_node(feeds, name, activation=activation)], name, [], [output])

    nodes = [
        helper.make_node("ReduceMax", ["X"], ["largest"], keepdims=0),
        helper.make_node("Cast", ["largest"], ["any"], to=TensorProto.BOOL),
        helper.make_node(
            "If", ["any"], ["Y"], then_branch=branch("a", "relu"), else_branch=branch("b", "none")
        ),
    ]
    model = model_of(nodes, feeds, "Y", op="PerforatedConv")
    assert {f.overload for f in model.functions} == {"dense_relu", "dense_none"}
    np.testing.assert_array_equal(session_of(model).run(None, feeds)[0], np.zeros((1, 2, 2, 1)))


def test_attaching_twice_changes_nothing():
    model, _ = chain(2, masked=True)
    once = model.SerializeToString(deterministic=True)
    functions.attach(model)
    assert model.SerializeToString(deterministic=True) == once


def test_a_model_without_our_operators_is_left_alone():
    graph = helper.make_graph([], "empty", [], [])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
    before = model.SerializeToString(deterministic=True)
    functions.attach(model)
    assert model.SerializeToString(deterministic=True) == before


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (conv_node("XW", activation="gelu"), "activation.*'gelu'"),
        (conv_node("XW", fill="nearest"), "fill.*'nearest'"),
        (mask_node(3), "coarse_stride.*3"),
        (helper.make_node("Pool", ["X"], ["Y"], domain=DOMAIN), "pag::Pool"),
    ],
)
def test_unknown_nodes_are_refused(node, message):
    with pytest.raises(ValueError, match=message):
        functions.function(node)


def test_another_opset_is_refused():
    graph = helper.make_graph([], "empty", [], [])
    with pytest.raises(ValueError, match=r"opset 18.*22"):
        functions.attach(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]))
