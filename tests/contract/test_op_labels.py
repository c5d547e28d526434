"""UpsampledLabels by its native kernel, by its body, and as the service's own interpolation says."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from model_export.op import functions
from model_export.op.reference_labels import upsampled_labels, upsampled_logits
from service.model_folder.geometry import plan_resize, plan_sampling
from service.model_folder.labels import resample_labels
from tests.support.operators.nodes import Array, model_of, needs_library, session_of

pytestmark = [pytest.mark.slow, needs_library]

KINDS = {"L": (np.float32, 4), "size": (np.int64, 1), "extent": (np.float32, 1)}
# Logits within [-4, 4]; the body works with positions in float32, each kernel rounds its few products.
ROUNDING = 1e-5


def session(names: tuple[str, ...], *, native: bool, threads: int = 2) -> onnxruntime.InferenceSession:
    node = helper.make_node("UpsampledLabels", names, ["Y"], domain="pag")
    model = model_of([node], {name: KINDS[name] for name in names}, {})
    if native:
        return session_of(model, threads)
    functions.attach(model)
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


@pytest.fixture(scope="module")
def sessions() -> dict[tuple[bool, bool], onnxruntime.InferenceSession]:
    """By (native, with extent)."""
    names = ("L", "size", "extent")
    return {
        (native, extent): session(names if extent else names[:2], native=native)
        for native in (False, True)
        for extent in (False, True)
    }


@st.composite
def cases(draw: st.DrawFn) -> dict[str, Array]:
    """Logits noisy or smooth, any size, with an extent or without."""
    classes = draw(st.sampled_from([1, 2, 5, 40, 256]))
    shape = (draw(st.integers(1, 3)), draw(st.integers(1, 9)), draw(st.integers(1, 9)), classes)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    logits = rng.uniform(-1, 1, shape) + draw(st.sampled_from([0, 3])) * rng.uniform(-1, 1, classes)
    feeds = {
        "L": logits.astype(np.float32),
        "size": np.array([draw(st.integers(1, 150)), draw(st.integers(1, 150))]),
    }
    if draw(st.booleans()):
        feeds["extent"] = np.array([draw(st.integers(1, 8 * n)) / 8 for n in shape[1:3]], np.float32)
    return feeds


def margin(logits: Array, labels: Array) -> float:
    """By how much a label's logit lies below the best one, at most."""
    won = np.take_along_axis(logits, labels[..., None].astype(int), -1)[..., 0]
    return float((logits.max(-1) - won).max(initial=0))


@settings(max_examples=150, deadline=None)
@given(feeds=cases())
def test_kernel_and_body_are_the_reference_up_to_rounding(
    sessions: dict[tuple[bool, bool], onnxruntime.InferenceSession], feeds: dict[str, Array]
) -> None:
    logits = upsampled_logits(**feeds)
    for native in (False, True):
        labels = sessions[native, "extent" in feeds].run(None, feeds)[0]
        assert labels.shape == logits.shape[:3]
        assert labels.dtype == np.uint8
        assert margin(logits, labels) < ROUNDING


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 999))
def test_exact_ties_go_to_the_lower_class(
    sessions: dict[tuple[bool, bool], onnxruntime.InferenceSession], seed: int
) -> None:
    logits = np.random.default_rng(seed).integers(0, 3, (1, 4, 5, 6)).astype(np.float32)
    feeds = {"L": logits, "size": np.array([32, 40])}
    want = upsampled_labels(**feeds)
    for native in (False, True):
        np.testing.assert_array_equal(sessions[native, False].run(None, feeds)[0], want)


@settings(max_examples=50, deadline=None)
@given(height=st.integers(16, 700), width=st.integers(16, 700), size=st.sampled_from(["input", "model"]))
def test_it_is_the_service_s_own_interpolation(
    sessions: dict[tuple[bool, bool], onnxruntime.InferenceSession], height: int, width: int, size: Any
) -> None:
    plan = plan_resize(height, width, 30_000, 32)
    rng = np.random.default_rng(height * width)
    logits = rng.uniform(-4, 4, (plan.padded[0] // 8, plan.padded[1] // 8, 40)).astype(np.float32)
    extent = np.array(plan.fed, np.float32) / 8
    feeds = {"L": logits[None], "size": np.array(plan.target(size)), "extent": extent}
    labels = sessions[True, True].run(None, feeds)[0][0]
    differing = labels != resample_labels(logits, plan_sampling(plan, size, 8))
    assert differing.mean() < 1e-4 or differing.sum() < 2


def test_threads_change_nothing() -> None:
    rng = np.random.default_rng(0)
    feeds = {"L": rng.standard_normal((2, 30, 40, 40)).astype(np.float32), "size": np.array([333, 444])}
    alone, together = (session(("L", "size"), native=True, threads=n).run(None, feeds)[0] for n in (1, 4))
    np.testing.assert_array_equal(alone, together)


def test_no_images_give_no_labels(
    sessions: dict[tuple[bool, bool], onnxruntime.InferenceSession],
) -> None:
    feeds = {"L": np.zeros((0, 3, 4, 5), np.float32), "size": np.array([24, 32])}
    assert sessions[True, False].run(None, feeds)[0].shape == (0, 24, 32)


GOOD = {"L": np.zeros((1, 4, 5, 3), np.float32), "size": np.array([8, 9]), "extent": np.array([4, 5], "f")}
BAD = {
    "rank": ({"L": GOOD["L"][0]}, r"L must be [N,h,w,K], has shape [4,5,3]"),
    "no rows": ({"L": GOOD["L"][:, :0]}, r"L has shape [1,0,5,3], must have pixels"),
    "no classes": ({"L": GOOD["L"][..., :0]}, r"L has shape [1,4,5,0], must have pixels and 1 to 256"),
    "classes": ({"L": np.zeros((1, 1, 1, 257), np.float32)}, "must have pixels and 1 to 256 classes"),
    "one size": ({"size": np.array([8])}, "size has shape [1], must be [2] (height and width of the labels)"),
    "no size": ({"size": np.zeros(0, np.int64)}, "size has shape [0], must be [2]"),
    "empty size": ({"size": np.array([8, 0])}, "size is [8,0], must be between 1 and 2^24"),
    "negative size": ({"size": np.array([-(2**63), 8])}, "size is [-9223372036854775808,8]"),
    "huge size": ({"size": np.array([2**62, 2])}, "size is [4611686018427387904,2]"),
    "one extent": ({"extent": np.ones(1, np.float32)}, "extent has shape [1], must be [2]"),
    "no extent": ({"extent": np.array([0, 5], "f")}, "extent is [0.000000,5.000000], must be above 0"),
    "extent": ({"extent": np.array([4, 5.5], "f")}, "within the [4,5] pixels of L"),
    "unknown extent": ({"extent": np.array([np.nan, 5], "f")}, "must be above 0"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_wrong_inputs_are_refused_with_their_values(name: str) -> None:
    changed, message = BAD[name]
    feeds: dict[str, Array] = GOOD | changed
    node = helper.make_node("UpsampledLabels", list(feeds), ["Y"], domain="pag")
    kinds = {key: (value.dtype, value.ndim) for key, value in feeds.items()}
    opened = session_of(model_of([node], kinds, {}))
    with pytest.raises(Exception, match=re.escape(message)):
        opened.run(None, feeds)
