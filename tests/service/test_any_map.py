"""A map of kind probability, of a made-up name, is served in every form as the graph gave it."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import onnx
import onnxruntime
import pytest
import tritonclient.http as triton
from onnx import TensorProto, helper
from PIL import Image

from service.model_folder.files import file_entry, load_manifest
from service.model_folder.geometry import feed, plan_sampling, resample
from tests.support.open_inference import pixels_input, triton_client
from tests.support.photographs import encoded, picture
from tests.support.servers import running_server
from tests.support.streams import open_stream, send_and_receive
from tests.support.tiny_model import build_graph, manifest_document

NAME, OUTPUT = "glimmer", "glimmer_raw"
ENTRY = {"name": NAME, "kind": "probability", "output": OUTPUT, "stride": 8}
PIXELS = picture(90, 130)
PHOTO = encoded(PIXELS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder whose graph has one output more: the sigmoid of its grey."""
    folder = tmp_path_factory.mktemp("weights") / "tiny"
    folder.mkdir()
    model = build_graph()
    model.graph.node.append(helper.make_node("Sigmoid", ["grey"], [OUTPUT]))
    model.graph.output.append(helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["N", "h", "w"]))
    onnx.save(model, folder / "model.onnx")
    document = manifest_document()
    document["maps"].insert(1, ENTRY)
    document["files"] = {"model.onnx": file_entry(folder / "model.onnx").model_dump()}
    (folder / "manifest.json").write_text(json.dumps(document))
    return folder


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[httpx.Client]:
    """Client of a service with that model, which lowers no budget."""
    with running_server(weights=folder.parent, brownout=False, max_wait_seconds=600) as started:
        yield started


@pytest.fixture(scope="module")
def expected(folder: Path) -> np.ndarray:
    """The graph's own output float32 [H,W], brought to the photograph's size."""
    manifest = load_manifest(folder)
    plan = manifest.plan_resize(*PIXELS.shape[:2])
    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    raw = session.run([OUTPUT], {"image": feed(PIXELS, plan), "budget": np.ones(1, np.float32)})[0][0]
    return resample(raw, plan_sampling(plan, "input", 8))


def parse(client: httpx.Client, accept: str, **query: Any) -> httpx.Response:
    answer = client.post("/parse", content=PHOTO, headers={"Accept": accept}, params={"budget": 1, **query})
    assert answer.status_code == 200, answer.text
    return answer


def unit(png: bytes) -> np.ndarray:
    image = Image.open(io.BytesIO(png))
    assert image.mode == "L"
    return np.asarray(image)


def test_arrays_hold_what_the_graph_gave(client: httpx.Client, expected: np.ndarray) -> None:
    found = np.load(io.BytesIO(parse(client, "application/x-npz").content))
    assert list(found) == ["meta", "semantics", NAME, "depth", "normals"], "in order, and without being named"
    assert found[NAME].dtype == np.float32
    np.testing.assert_array_equal(found[NAME], expected)
    meta = json.loads(str(found["meta"]))["maps"][NAME]
    assert meta == {"kind": "probability", "array": NAME, "dtype": "float32", "unit": "probability"}
    assert 0.1 < np.ptp(found[NAME]) < 1


def test_every_png_holds_it_to_the_nearest_of_255(client: httpx.Client, expected: np.ndarray) -> None:
    stored = np.rint(255 * expected)
    answer = parse(client, "application/json", maps=f"depth,{NAME}")
    meta = answer.json()["maps"]
    assert list(meta) == [NAME, "depth"]
    assert (meta[NAME]["dtype"], meta[NAME]["formula"]) == ("uint8", "probability = v / 255")
    assert f'{NAME}="dtype=uint8,unit=probability"' in answer.headers["pag-maps"]
    with zipfile.ZipFile(io.BytesIO(parse(client, "application/zip").content)) as archive:
        assert json.loads(archive.read("meta.json"))["maps"][NAME]["file"] == f"{NAME}.png"
        in_zip = archive.read(f"{NAME}.png")
    alone = parse(client, "image/png", maps=NAME).content
    for png in (base64.b64decode(meta[NAME]["png"]), in_zip, alone):
        np.testing.assert_array_equal(unit(png), stored)


def test_streams_carry_it(client: httpx.Client, expected: np.ndarray) -> None:
    with open_stream(client, {"budget": 1, "maps": NAME}) as stream:
        said = send_and_receive(stream, PHOTO)
        assert said.header["meta"]["maps"][NAME]["kind"] == "probability"
        found = np.load(io.BytesIO(said.body or b""))
        np.testing.assert_array_equal(found[NAME], expected)
        stream.send('{"answer": "zip"}')
        with zipfile.ZipFile(io.BytesIO(send_and_receive(stream, PHOTO).body or b"")) as archive:
            np.testing.assert_array_equal(unit(archive.read(f"{NAME}.png")), np.rint(255 * expected))


@pytest.mark.parametrize("binary", [True, False])
def test_the_inference_protocol_gives_it_as_numbers(
    client: httpx.Client, expected: np.ndarray, binary: bool
) -> None:
    with triton_client(client) as remote:
        wanted = [triton.InferRequestedOutput(NAME, binary_data=binary)]
        result = remote.infer("tiny", [pixels_input(PIXELS[None])], outputs=wanted)
    np.testing.assert_array_equal(result.as_numpy(NAME)[0], expected)


def test_it_is_described_to_whoever_asks(client: httpx.Client) -> None:
    model = client.get("/models/tiny").json()
    assert [entry["name"] for entry in model["maps"]] == ["semantics", NAME, "depth", "normals", "computed"]
    assert model["maps"][1] == ENTRY
    assert model["default_maps"] == ["semantics", NAME, "depth", "normals"]
    described = client.get("/v2/models/tiny").json()
    tensor = {"name": NAME, "datatype": "FP32", "shape": [-1, -1, -1]}
    assert described["outputs"][1] == tensor
    assert described["properties"][NAME] == "probability"
