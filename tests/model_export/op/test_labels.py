"""UpsampledLabels: the reference on numbers a person can check, its body in ONNX Runtime, its schema."""

from __future__ import annotations

import cv2
import numpy as np
import onnx
import onnxruntime as ort
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from perforated_conv import DOMAIN

from model_export.op import functions, reference, schema
from model_export.op.reference_labels import upsampled_labels, upsampled_logits


@pytest.fixture(autouse=True, scope="module")
def registered():
    schema.register()


def model_of(extent, sizes=None):
    """One node; sizes given are part of the model."""
    names = ["L", "size", "extent"][: 3 if extent else 2]
    described = {
        "L": helper.make_tensor_value_info("L", TensorProto.FLOAT, ["N", "h", "w", "K"]),
        "size": helper.make_tensor_value_info("size", TensorProto.INT64, [2]),
        "extent": helper.make_tensor_value_info("extent", TensorProto.FLOAT, [2]),
    }
    constants = [] if sizes is None else [numpy_helper.from_array(np.array(sizes, np.int64), "size")]
    graph = helper.make_graph(
        [helper.make_node("UpsampledLabels", names, ["labels"], domain=DOMAIN)],
        "labels",
        [described[name] for name in names if sizes is None or name != "size"],
        [helper.make_tensor_value_info("labels", TensorProto.UINT8, [None] * 3)],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
    functions.attach(model)
    onnx.checker.check_model(model, full_check=True)
    return model


@pytest.fixture(scope="module")
def sessions():
    """Sessions of the bodies without and with extent."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return [
        ort.InferenceSession(
            model_of(extent).SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        for extent in (False, True)
    ]


lengths = st.integers(1, 9)


@st.composite
def cases(draw):
    """Logits and any size, with an extent or without."""
    shape = (draw(st.integers(1, 2)), draw(lengths), draw(lengths), draw(st.sampled_from([1, 2, 5, 40, 256])))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    feeds = {
        "L": rng.standard_normal(shape).astype(np.float32),
        "size": np.array([draw(st.integers(1, 40)), draw(st.integers(1, 40))]),
    }
    if draw(st.booleans()):
        feeds["extent"] = np.array(
            [draw(st.integers(1, 8 * length)) / 8 for length in shape[1:3]], np.float32
        )
    return feeds


@settings(max_examples=150, deadline=None)
@given(feeds=cases())
def test_the_body_is_the_reference_up_to_rounding(sessions, feeds):
    (got,) = sessions["extent" in feeds].run(None, feeds)
    want, logits = upsampled_labels(**feeds), upsampled_logits(**feeds)
    assert got.dtype == np.uint8
    assert got.shape == want.shape
    won = np.take_along_axis(logits, got[..., None].astype(int), -1)[..., 0]
    # Standard normal logits, positions of at most 9 in float32: where labels differ the two are that close.
    np.testing.assert_allclose(won, logits.max(-1), rtol=0, atol=1e-5)
    assert (got != want).mean() < 0.01 or got.size < 200


@settings(max_examples=25, deadline=None)
@given(feeds=cases())
def test_onnx_reference_runs_the_operator(feeds):
    evaluator = ReferenceEvaluator(model_of("extent" in feeds), new_ops=reference.OPERATORS)
    np.testing.assert_array_equal(evaluator.run(None, feeds)[0], upsampled_labels(**feeds))


def test_the_reference_interpolates_as_opencv():
    L = np.random.default_rng(0).standard_normal((1, 6, 7, 3)).astype(np.float32)
    for size in [(48, 56), (50, 33), (6, 7), (4, 5)]:
        wide = cv2.resize(L[0], size[::-1], interpolation=cv2.INTER_LINEAR)
        np.testing.assert_allclose(upsampled_logits(L, np.array(size))[0], wide, atol=1e-5)


def test_halfway_between_two_pixels_both_count_half():
    L = np.array([[3, 0, 1.75], [0, 3, 1.75]], np.float32)[None, None]
    # Four labels lie at 0 (held), 1/4, 3/4 and 1 (held); five have one at 1/2, where the third class wins.
    assert upsampled_labels(L, np.array([1, 4])).tolist() == [[[0, 0, 1, 1]]]
    assert upsampled_labels(L, np.array([1, 5])).tolist() == [[[0, 0, 2, 1, 1]]]


def test_ties_go_to_the_lower_class():
    L = np.zeros((1, 2, 2, 4), np.float32)
    L[..., 1:3] = 1
    assert (upsampled_labels(L, np.array([5, 5])) == 1).all()


def test_an_extent_leaves_out_padding_below_and_right():
    L = np.arange(4, dtype=np.float32)[None, None, :, None]
    half = upsampled_logits(L, np.array([1, 4]), np.array([1, 2], np.float32))[0, 0, :, 0]
    np.testing.assert_allclose(half, [0, 0.25, 0.75, 1.25])


@pytest.mark.parametrize(
    ("shape", "size", "extent", "message"),
    [
        ((4, 4, 3), (8, 8), None, "L .4, 4, 3"),
        ((1, 4, 4, 257), (8, 8), None, "256 classes"),
        ((1, 0, 4, 3), (8, 8), None, "with pixels"),
        ((1, 4, 4, 3), (8,), None, "size"),
        ((1, 4, 4, 3), (0, 8), None, "size"),
        ((1, 4, 4, 3), (8, 8), (4,), "extent"),
        ((1, 4, 4, 3), (8, 8), (4, 4.5), "extent"),
        ((1, 4, 4, 3), (8, 8), (0, 4), "extent"),
        ((1, 4, 4, 3), (8, 8), (np.nan, 4), "extent"),
    ],
)
def test_what_cannot_be_is_refused(shape, size, extent, message):
    part = None if extent is None else np.array(extent, np.float32)
    with pytest.raises(ValueError, match=message):
        upsampled_labels(np.zeros(shape, np.float32), np.array(size), part)


@pytest.mark.parametrize(("sizes", "dims"), [((48, 64), [48, 64]), (None, [None, None])])
def test_the_inferred_shape_follows_a_size_that_is_known(sizes, dims):
    model = model_of(extent=False, sizes=sizes)
    del model.graph.output[0].type.tensor_type.shape.dim[:]
    model.graph.output[0].type.tensor_type.ClearField("shape")
    del model.functions[:]
    model.graph.node[0].overload = ""
    result = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
    tensor = result.graph.output[0].type.tensor_type
    assert tensor.elem_type == TensorProto.UINT8
    found = [d.dim_value if d.HasField("dim_value") else None for d in tensor.shape.dim]
    assert found == [None, *dims]


def test_the_bodies_have_the_schema_s_inputs():
    declared = onnx.defs.get_schema("UpsampledLabels", 1, DOMAIN)
    for extent in (False, True):
        (body,) = model_of(extent).functions
        assert list(body.input) == [i.name for i in declared.inputs]
        assert list(body.output) == [o.name for o in declared.outputs]
