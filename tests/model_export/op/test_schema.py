"""onnx.checker and onnx.shape_inference know the operators."""

from __future__ import annotations

import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from perforated_conv import DOMAIN, OPSET_VERSION

from model_export.op import functions, reference, schema
from tests.support.operators.types import floats, inferred, typed_model_of


@pytest.fixture(autouse=True, scope="module")
def registered():
    schema.register()


def conv_node(**attributes):
    return helper.make_node("PerforatedConv", ["X", "W"], ["Y"], domain=DOMAIN, **attributes)


def test_registering_again_does_nothing():
    schema.register()
    assert onnx.defs.get_schema("PerforatedConv", OPSET_VERSION, DOMAIN).since_version == OPSET_VERSION


def test_inputs_after_the_weights_are_optional():
    inputs = onnx.defs.get_schema("PerforatedConv", OPSET_VERSION, DOMAIN).inputs
    optional = onnx.defs.OpSchema.FormalParameterOption.Optional
    assert [(i.name, i.option == optional) for i in inputs] == [
        ("X", False),
        ("W", False),
        ("B", True),
        ("M", True),
        ("R", True),
    ]


@pytest.mark.parametrize("name", schema.SCHEMAS)
def test_bodies_have_the_schema_s_inputs_and_defaults(name):
    declared = onnx.defs.get_schema(name, OPSET_VERSION, DOMAIN)
    inputs = [each.name for each in declared.inputs]
    body = functions.function(helper.make_node(name, inputs, ["Y"], domain=DOMAIN))
    assert list(body.input) == [i.name for i in declared.inputs]
    assert list(body.output) == [o.name for o in declared.outputs]
    defaults = {a.name: helper.get_attribute_value(a) for a in body.attribute_proto}
    assert defaults == {
        key: helper.get_attribute_value(a.default_value) for key, a in declared.attributes.items()
    }


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_inferred_shape_is_the_reference_s(conv_cases, data):
    case = data.draw(conv_cases)
    inputs = {name: floats(*case.inputs[name].shape) for name in "XW"}
    want = reference.perforated_conv(case.inputs["X"], case.inputs["W"], **case.attributes).shape
    assert inferred(typed_model_of(conv_node(**case.attributes), inputs)) == (TensorProto.FLOAT, list(want))


def test_free_dimensions_stay_free():
    model = typed_model_of(
        conv_node(pads=[1, 1, 1, 1]), {"X": floats("N", "H", 8, 3), "W": floats(5, 3, 3, 3)}
    )
    assert inferred(model) == (TensorProto.FLOAT, [None, None, 8, 5])


def test_the_mask_has_the_scores_shape():
    node = helper.make_node("BudgetMask", ["S", "ratio"], ["M"], domain=DOMAIN, coarse_stride=2)
    model = typed_model_of(node, {"S": floats("N", 6, 7), "ratio": floats("N")}, "M")
    assert inferred(model) == (TensorProto.BOOL, [None, 6, 7])


@pytest.mark.parametrize(
    "inputs",
    [{"X": floats(1, 4, 3), "W": floats(5, 3, 3, 3)}, {"X": floats(1, 2, 4, 3), "W": floats(5, 3, 3, 3)}],
)
def test_shapes_that_cannot_be_are_refused(inputs):
    with pytest.raises(onnx.shape_inference.InferenceError):
        inferred(typed_model_of(conv_node(), inputs))


@pytest.mark.parametrize("attributes", [{"fill": 3}, {"stride": [1, 1]}])
def test_wrong_attributes_are_refused(attributes):
    model = typed_model_of(conv_node(**attributes), {"X": floats(1, 4, 4, 3), "W": floats(5, 3, 3, 3)})
    with pytest.raises(onnx.checker.ValidationError):
        onnx.checker.check_model(model, full_check=True)
