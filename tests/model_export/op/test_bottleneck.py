"""pag::Bottleneck: its numpy meaning, its schema, and bodies that are three convolutions laid out flat."""

from __future__ import annotations

from itertools import product

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator
from perforated_conv import DOMAIN, OPSET_VERSION

from model_export.op import functions, reference, schema
from tests.support.operators.block_cases import (
    ACTIVATIONS,
    BOTTLENECK_INPUTS,
    BottleneckCase,
    block_node,
    bottleneck_cases,
)
from tests.support.operators.bodies import model_of, session_of
from tests.support.operators.types import floats, inferred, typed_model_of


@pytest.fixture(autouse=True, scope="module")
def registered() -> None:
    schema.register()


# Each of at most 45 + 45 + 5 products and sums, and a few steps of interpolation, rounds by 2^-24.
FLOAT32 = 120 * 2.0**-24


def assert_close(case: BottleneckCase, got: np.ndarray) -> None:
    want = case.expected()
    assert got.shape == want.shape
    # The residual is added once to what the bound is of.
    own = FLOAT32 * case.magnitude() + 2.0**-23 * np.abs(case.inputs.get("R", np.float32(0)))
    assert (np.abs(got.astype(np.float64) - want) <= own).all()


@settings(max_examples=80, deadline=None)
@given(case=bottleneck_cases())
def test_the_body_is_the_reference(case: BottleneckCase) -> None:
    model = model_of([case.node], case.inputs, "Y")
    onnx.checker.check_model(model, full_check=True)
    assert_close(case, session_of(model).run(None, case.inputs)[0])


@settings(max_examples=15, deadline=None)
@given(case=bottleneck_cases())
def test_onnx_reference_runs_the_operator_and_the_inlined_body(case: BottleneckCase) -> None:
    model = model_of([case.node], case.inputs, "Y")
    assert_close(case, ReferenceEvaluator(functions.inlined(model)).run(None, case.inputs)[0])
    del model.functions[:]
    model.graph.node[0].overload = ""
    operator = ReferenceEvaluator(model, new_ops=reference.OPERATORS)
    np.testing.assert_array_equal(operator.run(None, case.inputs)[0], case.expected())


def variants():
    """Every combination that a body of its own is for."""
    return product((True, False), ("M", ""), ("R", ""), ACTIVATIONS, ACTIVATIONS, ("zero", "interpolate"))


def test_bodies_are_flat_and_have_the_schema_s_inputs_and_defaults() -> None:
    declared = onnx.defs.get_schema("Bottleneck", OPSET_VERSION, DOMAIN)
    defaults = {n: helper.get_attribute_value(a.default_value) for n, a in declared.attributes.items()}
    for first, M, R, inner, outer, fill in variants():
        present = dict.fromkeys(["X", *(["W_first"] if first else []), "W", "W_last", M, R])
        attributes = {"inner_activation": inner, "activation": outer, "fill": fill}
        body = functions.function(block_node("Bottleneck", BOTTLENECK_INPUTS, present, "Y", **attributes))
        assert {node.domain for node in body.node} == {""}
        assert sum(node.op_type == "Conv" for node in body.node) == 2 + first
        assert tuple(body.input) == BOTTLENECK_INPUTS == tuple(i.name for i in declared.inputs)
        assert list(body.output) == [o.name for o in declared.outputs]
        assert {a.name: helper.get_attribute_value(a) for a in body.attribute_proto} == defaults


def test_each_variant_has_a_name_of_its_own() -> None:
    names = {
        functions.function(
            block_node(
                "Bottleneck", BOTTLENECK_INPUTS,
                dict.fromkeys(["X", *(["W_first"] if first else []), "W", "W_last", M, R]), "Y",
                inner_activation=inner, activation=outer, fill=fill,
            )
        ).overload
        for first, M, R, inner, outer, fill in variants()
    }  # fmt: skip
    # Without a mask nothing is filled: three ways of skipping.
    assert len(names) == 2 * 3 * 2 * 3 * 3


@pytest.mark.parametrize(
    "wrong", [{"inner_activation": "gelu"}, {"activation": "swish"}, {"fill": "nearest"}]
)
def test_unknown_attribute_values_are_refused(wrong: dict[str, str]) -> None:
    node = block_node("Bottleneck", BOTTLENECK_INPUTS, dict.fromkeys(BOTTLENECK_INPUTS), "Y", **wrong)
    with pytest.raises(ValueError, match=next(iter(wrong.values()))):
        functions.function(node)


@settings(max_examples=50, deadline=None)
@given(case=bottleneck_cases())
def test_the_inferred_shape_is_the_reference_s(case: BottleneckCase) -> None:
    kinds = {np.dtype(np.bool_): TensorProto.BOOL, np.dtype(np.float32): TensorProto.FLOAT}
    inputs = {name: (kinds[value.dtype], value.shape) for name, value in case.inputs.items()}
    want = TensorProto.FLOAT, list(case.expected().shape)
    assert inferred(typed_model_of(case.node, inputs)) == want


def test_free_dimensions_stay_free_and_the_first_s_stride_counts() -> None:
    weights = {"W_first": floats(6, 1, 1, 3), "W": floats(6, 3, 3, 6), "W_last": floats(5, 1, 1, 6)}
    attributes = {"first_strides": [2, 2], "pads": [1, 1, 1, 1]}
    inputs = {"X": floats("N", "H", 8, 3)} | weights
    node = block_node("Bottleneck", BOTTLENECK_INPUTS, inputs, "Y", **attributes)
    assert inferred(typed_model_of(node, inputs)) == (TensorProto.FLOAT, [None, None, 4, 5])


def test_only_map_and_weights_of_middle_and_last_are_required() -> None:
    optional = onnx.defs.OpSchema.FormalParameterOption.Optional
    inputs = onnx.defs.get_schema("Bottleneck", OPSET_VERSION, DOMAIN).inputs
    assert [i.name for i in inputs if i.option != optional] == ["X", "W", "W_last"]


ROW = np.array([1, 2, 3, 4], np.float32).reshape(1, 1, 4, 1)
NEIGHBOURS = np.ones((1, 1, 3, 1), np.float32)
ONE = np.ones((1, 1, 1, 1), np.float32)
LEFT = np.array([[[True, False, False, False]]])


def row(W_first=ONE, B_first=None, M=None, R=None, **attributes):
    """Y of a row of four pixels, by a middle convolution that adds a pixel's two neighbours."""
    return reference.bottleneck(
        ROW, W_first, B_first, NEIGHBOURS, None, 10 * ONE, None, M, R, pads=[0, 1, 0, 1], **attributes
    ).ravel()  # fmt: skip


def test_without_a_mask_it_is_three_convolutions() -> None:
    assert row().tolist() == [30, 60, 90, 70]
    assert row(B_first=np.array([1], np.float32)).tolist() == [50, 90, 120, 90]


def test_with_fill_zero_a_pixel_sees_neighbours_that_the_mask_leaves_out() -> None:
    assert row(M=LEFT).tolist() == [30, 0, 0, 0]
    assert row(M=LEFT, R=ROW).tolist() == [31, 2, 3, 4]


def test_with_fill_interpolate_it_sees_their_interpolation() -> None:
    # The grid is 1 and 3, so the first convolution gives 1, 2, 3, 3 and the middle one 3, -, 8, - at it.
    assert row(M=LEFT, fill="interpolate").tolist() == [30, 55, 80, 80]


def test_the_inner_activation_is_after_the_first_and_the_middle() -> None:
    assert row(W_first=-ONE, inner_activation="relu").tolist() == [0, 0, 0, 0]
    assert row(inner_activation="relu6").tolist() == [30, 60, 60, 60]
    assert row(inner_activation="relu6", activation="relu6").tolist() == [6, 6, 6, 6]


def test_without_first_only_a_depthwise_middle_is_taken() -> None:
    with pytest.raises(ValueError, match="depthwise"):
        row(W_first=None)
    with pytest.raises(ValueError, match=r"W_last \(1, 1, 3, 1\)"):
        reference.bottleneck(ROW, ONE, None, ONE, None, NEIGHBOURS, None)
