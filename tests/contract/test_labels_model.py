"""The exported labels.onnx in the service: it makes the label maps that the service makes without it."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import perforated_conv
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from model_export.export.labels_model import labels_model
from service.engine.job import Cancellation
from service.engine.loading import load_session
from service.engine.models import ModelSession
from service.engine.resources import resolve_resources
from service.errors import Cancelled
from service.model_folder.files import ManifestError, file_entry, load_manifest, read_files
from service.model_folder.geometry import plan_resize, plan_sampling
from service.model_folder.labels import resample_labels
from service.settings import Settings
from tests.support.operators.nodes import LIBRARY, Array, needs_library
from tests.support.photographs import encoded, picture
from tests.support.servers import running_server
from tests.support.tiny_model import write_model

pytestmark = [needs_library, pytest.mark.slow]


@pytest.fixture(autouse=True, scope="module")
def library() -> Any:
    """The service registers the library that these tests are about."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(perforated_conv, "library_path", lambda: LIBRARY)
        yield


def add_labels_model(folder: Path, content: bytes | None = None) -> Path:
    """Put labels.onnx into the folder and into its manifest."""
    path = folder / "labels.onnx"
    path.write_bytes(labels_model().SerializeToString() if content is None else content)
    document = json.loads((folder / "manifest.json").read_text())
    document["files"]["labels.onnx"] = file_entry(path).model_dump()
    document["maps"][0]["labels_model"] = "labels.onnx"
    (folder / "manifest.json").write_text(json.dumps(document))
    return folder


def loaded(folder: Path, **knobs: Any) -> ModelSession:
    manifest = load_manifest(folder)
    settings = Settings(weights=folder.parent, threads=2, **knobs)
    return load_session(folder, manifest, read_files(folder, manifest), settings, resolve_resources(settings))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return add_labels_model(write_model(tmp_path_factory.mktemp("weights")))


@pytest.fixture(scope="module")
def session(folder: Path) -> ModelSession:
    return loaded(folder)


@given(st.integers(16, 900), st.integers(16, 900), st.sampled_from(["input", "model"]))
def test_labels_are_the_service_s_own(session: ModelSession, height: int, width: int, size: Any) -> None:
    assert session.native_labels
    plan = plan_resize(height, width, 60_000, 32)
    shape = (plan.padded[0] // 8, plan.padded[1] // 8, 40)
    logits = np.random.default_rng(height).standard_normal(shape).astype(np.float32)
    sampling = plan_sampling(plan, size, 8)
    labels = session.resample(session.manifest.map("semantics"), logits, sampling, Cancellation())
    assert labels.dtype == np.uint8
    # Positions and products are rounded the same way but for fused multiply-adds.
    assert (labels != resample_labels(logits, sampling)).sum() <= 1 + labels.size / 1e5


def answers(folder: Path, accept: str, **query: Any) -> list[Array]:
    """Semantics of a photograph with padding on both sides, by the kernel and without it."""
    found = []
    for operator in ("auto", "off"):
        with running_server(weights=folder.parent, native_operator=operator) as client:
            answer = client.post(
                "/parse",
                content=encoded(picture(450, 730)),
                headers={"Accept": accept},
                params={"maps": "semantics"} | query,
            )
            assert answer.status_code == 200, answer.text
            if accept == "application/x-npz":
                found.append(np.load(io.BytesIO(answer.content))["semantics"])
            else:
                found.append(np.asarray(Image.open(io.BytesIO(answer.content))))
    return found


@pytest.mark.parametrize("accept", ["application/x-npz", "image/png"])
@pytest.mark.parametrize("size", ["input", "model"])
def test_answers_are_the_same_with_and_without_it(folder: Path, accept: str, size: str) -> None:
    native, own = answers(folder, accept, size=size)
    assert native.shape == own.shape
    assert len(np.unique(native)) > 3
    assert (native != own).mean() < 1e-4


def test_folders_without_it_and_services_without_the_library_use_their_own(
    folder: Path, tmp_path: Path
) -> None:
    assert not loaded(write_model(tmp_path)).native_labels
    assert not loaded(folder, native_operator="off").native_labels


def test_a_file_that_the_library_cannot_run_does_no_harm(tmp_path: Path) -> None:
    model = labels_model()
    model.graph.node[0].op_type = "LabelsOfAnotherTime"
    session = loaded(add_labels_model(write_model(tmp_path), model.SerializeToString()))
    assert not session.native_labels
    logits = np.zeros((4, 4, 3), np.float32)
    sampling = plan_sampling(plan_resize(32, 32, 307200, 32), "input", 8)
    assert session.resample(session.manifest.map("semantics"), logits, sampling, Cancellation()).shape == (
        32,
        32,
    )


def test_without_the_library_the_file_is_refused_not_run_at_any_cost() -> None:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    with pytest.raises(Exception, match="UpsampledLabels"):
        onnxruntime.InferenceSession(
            labels_model().SerializeToString(), options, providers=["CPUExecutionProvider"]
        )


def test_a_caller_who_left_gets_no_labels(session: ModelSession) -> None:
    cancellation = Cancellation()
    cancellation.cancel()
    sampling = plan_sampling(plan_resize(32, 32, 307200, 32), "input", 8)
    semantics = session.manifest.map("semantics")
    with pytest.raises(Cancelled):
        session.resample(semantics, np.zeros((4, 4, 3), np.float32), sampling, cancellation)


def test_the_manifest_must_list_it(tmp_path: Path) -> None:
    folder = add_labels_model(write_model(tmp_path))
    document = json.loads((folder / "manifest.json").read_text())
    del document["files"]["labels.onnx"]
    (folder / "manifest.json").write_text(json.dumps(document))
    with pytest.raises(ManifestError, match=r"files must list labels\.onnx"):
        load_manifest(folder)


def test_it_is_one_node_and_small() -> None:
    model = labels_model()
    onnx.checker.check_model(model)
    assert [node.op_type for node in model.graph.node] == ["UpsampledLabels"]
    assert model.ByteSize() < 1000
