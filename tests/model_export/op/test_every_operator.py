"""Each operator of the schema has a reference, a body that agrees with it, and its cases in our tests."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper
from perforated_conv import DOMAIN

from model_export.op import reference
from model_export.op.schema import SCHEMAS
from tests.support.operators import bodies
from tests.support.operators.good import GOOD
from tests.support.operators.models import MODELS


def test_each_operator_has_a_reference_and_its_cases() -> None:
    names = set(SCHEMAS)
    assert {operator.__name__ for operator in reference.OPERATORS} == names
    assert {good.op for good in GOOD.values()} == names
    of_models = {node.op_type for model in MODELS.values() for node in model.nodes if node.domain == DOMAIN}
    assert of_models == names


@pytest.mark.parametrize("name", GOOD)
def test_the_body_of_the_good_call_is_computed(name: str) -> None:
    good = GOOD[name]
    node = helper.make_node(good.op, list(good.tensors), ["Y"], domain=DOMAIN, **good.attributes)
    (made,) = bodies.session_of(bodies.model_of([node], good.tensors, "Y")).run(None, good.tensors)
    np.testing.assert_array_equal(made, good.expected(good.tensors))
