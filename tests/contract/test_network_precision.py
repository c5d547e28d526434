"""The shipped network, by the native library in either precision, gives its function bodies' maps."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from model_export.export.predictors import OnnxPredictor, Outputs
from service.model_folder.manifest import MODEL_NAME
from tests.support.operators.layers import PRECISION
from tests.support.operators.levels import run_tests
from tests.support.operators.nodes import needs_library
from tests.support.photographs import picture

MODEL = Path(__file__).parents[2] / "weights" / "efficientnet_lite0-nyuv2" / MODEL_NAME
HERE_BF16 = os.environ.get(PRECISION) == "bf16"
# Root mean square of the error, by that of the values. A rounding to bfloat16 is off by 2^-9.8 of a number in
# the root mean square, and some hundred maps are rounded on the way; float32 has 16 bits more.
RELATIVE_ERROR = 0.05 if HERE_BF16 else 2e-5

pytestmark = [
    needs_library,
    pytest.mark.skipif(not MODEL.is_file(), reason="the weights are not in this checkout"),
]


@pytest.fixture(scope="module")
def forms() -> tuple[OnnxPredictor, OnnxPredictor]:
    """Function bodies and native library."""
    return OnnxPredictor(MODEL, native=False, threads=1), OnnxPredictor(MODEL, native=True, threads=1)


@pytest.mark.parametrize("budget", [0.5, 1.0])
def test_the_maps_agree(forms: tuple[OnnxPredictor, OnnxPredictor], budget: float) -> None:
    image = picture(192, 256).copy()
    want, got = (form(image, budget) for form in forms)
    for name in ("semantic_logits", "depth", "normals"):
        assert relative_error(want, got, name) <= RELATIVE_ERROR, name
    np.testing.assert_allclose(got["computed"].mean(), want["computed"].mean(), rtol=1e-5)


def relative_error(want: Outputs, got: Outputs, name: str) -> float:
    return float(np.linalg.norm(got[name] - want[name]) / np.linalg.norm(want[name]))


@pytest.mark.process
@pytest.mark.skipif(HERE_BF16, reason="this run is itself in bf16")
def test_bfloat16_agrees_too() -> None:
    run_tests([Path(__file__)], **{PRECISION: "bf16"})
