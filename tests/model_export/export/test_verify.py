"""All forms of an exported network agree, and a changed file is found out."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from model_export.export.verify import VerificationError, compare, verify
from tests.support.exported_networks import NETWORKS

pytestmark = pytest.mark.slow


@pytest.mark.usefixtures("native")
@pytest.mark.parametrize("name", NETWORKS)
def test_torch_reference_bodies_and_library_agree(exported, images, name: str) -> None:
    lines: list[str] = []
    network = exported(name)
    results = verify(network.exportable, network.model, images, (0.7, 1.0), lines.append)
    assert {result.form for result in results} == {"function bodies", "native library", "numpy reference"}
    assert len(lines) == 3 * 2 * 4 and all(line.startswith("ok") for line in lines)


@pytest.mark.usefixtures("native")
@pytest.mark.parametrize(
    "layer",
    ["encoder.stages.1.0.middle.weight", "heads.depth.1.bias", "encoder.stages.0.0.gate.weight"],
)
def test_an_altered_weight_fails_loudly(exported, images, tmp_path: Path, layer: str) -> None:
    network = exported("resnet26")
    model = onnx.load(network.model)
    found = next(value for value in model.graph.initializer if value.name == layer)
    altered = numpy_helper.to_array(found)[..., ::-1] * np.float32(1.1)
    found.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(altered), layer))
    onnx.save(model, tmp_path / "altered.onnx")
    with pytest.raises(VerificationError, match=re.compile("FAILED.*function bodies.*", re.DOTALL)) as error:
        verify(network.exportable, tmp_path / "altered.onnx", images[:1], (0.7,), lambda _: None)
    assert "native library" in str(error.value) and "budget 0.7" in str(error.value)


def _maps() -> dict[str, np.ndarray]:
    shapes = {"semantic_logits": (8, 12, 40), "depth": (8, 12), "normals": (8, 12, 3), "computed": (8, 12)}
    return {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}


def test_at_budget_1_every_pixel_must_agree_and_below_it_nearly_all() -> None:
    other = _maps()
    other["depth"][0, 0] = 1
    for budget, passed in ((1.0, False), (0.7, True)):
        depth = next(r for r in compare(_maps(), other, "form", budget) if r.output == "depth")
        assert (depth.passed, depth.largest) == (passed, 1.0)


def test_maps_of_nan_agree_with_nothing() -> None:
    other = _maps()
    other["normals"][:] = np.nan
    assert {r.output for r in compare(_maps(), other, "form", 0.7) if not r.passed} == {"normals"}
