"""The form of answers: headers, the raw request, text of unknown depth, and the OpenAPI document."""

from __future__ import annotations

import base64
import io
import json
import re
from typing import Any

import httpx
import numpy as np
import pytest

from service.engine.job import Parsed
from service.model_folder.manifest import ModelManifest
from service.model_folder.operating_point import operating_point
from service.routes.v2.outputs import render
from tests.support.open_inference import HEADER, INFER, assert_error, document, message
from tests.support.photographs import encoded, picture
from tests.support.tiny_model import manifest_document

PHOTO = encoded(picture(48, 64))
STAGES = ["decode", "preprocess", "queue", "inference", "postprocess", "encode"]


def test_a_photograph_alone_is_a_request(client: httpx.Client) -> None:
    answer = client.post(INFER, content=PHOTO, headers={HEADER: "0"})
    assert answer.headers["content-type"] == "application/octet-stream"
    length = int(answer.headers[HEADER])
    head = json.loads(answer.content[:length])
    assert [output["shape"] for output in head["outputs"]] == [[1, 48, 64], [1, 48, 64], [1, 48, 64, 3]]
    sizes = [output["parameters"]["binary_data_size"] for output in head["outputs"]]
    assert length + sum(sizes) == len(answer.content) == int(answer.headers["content-length"])
    npz = client.post("/parse", content=PHOTO, headers={"Accept": "application/x-npz"})
    maps = np.load(io.BytesIO(npz.content))
    start = length
    for output, size in zip(head["outputs"], sizes, strict=True):
        assert answer.content[start : start + size] == maps[output["name"]].tobytes()
        start += size


def test_headers_are_those_of_parse(client: httpx.Client) -> None:
    headers = client.post(INFER, content=PHOTO, headers={HEADER: "0"}).headers
    assert headers["pag-model"] == "tiny"
    assert headers["pag-budget-used"] == "1.0"
    assert "vary" not in headers
    assert 'depth="dtype=float32,unit=metre,invalid=NaN"' in headers["pag-maps"]
    assert re.findall(r"(\w+);dur=[\d.]+", headers["server-timing"]) == STAGES


def test_without_a_word_outputs_are_json(client: httpx.Client) -> None:
    body, headers = message(document(), bytes(768))
    answer = client.post("/v2/models/tiny/versions/1.0.0/infer", content=body, headers=headers)
    assert answer.headers["content-type"] == "application/json"
    assert HEADER not in answer.headers
    found = answer.json()
    assert [len(output["data"]) for output in found["outputs"]] == [256, 256, 768]
    assert all("parameters" not in output for output in found["outputs"])
    assert "id" not in found


def test_unknown_depth_is_nan_and_in_json_null() -> None:
    manifest = ModelManifest.model_validate_json(json.dumps(manifest_document()))
    depth = np.full((16, 32), 1.1, np.float32)
    depth[0, :4] = [0, -1, np.inf, np.nan]
    point = operating_point(manifest, 1.0, 16, 32)
    parsed = Parsed(manifest, {"depth": depth}, None, point, "PNG", "input")
    binary = np.frombuffer(render(parsed, {"depth": True}).tensors["depth"], "<f4")
    assert np.isnan(binary[:4]).all() and (binary[4:] == np.float32(1.1)).all()
    text = bytes(render(parsed, {"depth": False}).tensors["depth"])
    numbers = json.loads(b"[" + text + b"]")
    assert numbers[:4] == [None] * 4
    np.testing.assert_array_equal(np.array(numbers, np.float32), binary)


@pytest.mark.parametrize("path", ["/v2/models/{model}/infer", "/v2/models/{model}/versions/{version}/infer"])
def test_the_document_tells_requests_and_errors(client: httpx.Client, path: str) -> None:
    found = client.get("/openapi.json").json()
    operation = found["paths"][path]["post"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    assert schema["properties"]["parameters"]["properties"]["budget"]["anyOf"][0]["maximum"] == 1
    assert "$ref" not in json.dumps(schema)
    errors = {status: each for status, each in operation["responses"].items() if status != "200"}
    assert {"400", "401", "404", "413", "415", "422", "429", "503", "504"} <= errors.keys()
    for each in errors.values():
        assert each["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/V2Error"}


def in_base64(photo: bytes) -> str:
    return base64.b64encode(photo).decode()


def answered(client: httpx.Client, **members: object) -> list[dict[str, Any]]:
    answer = client.post(INFER, json=members)
    assert answer.status_code == 200, answer.text
    outputs: list[dict[str, Any]] = answer.json()["outputs"]
    return outputs


def test_members_that_are_null_are_absent(client: httpx.Client) -> None:
    tensor = {"name": "image", "shape": [1], "datatype": "BYTES", "data": [in_base64(PHOTO)]}
    nulls = {"parameters": None, "outputs": None, "id": None}
    assert answered(client, inputs=[tensor | {"parameters": None}], **nulls) == answered(
        client, inputs=[tensor]
    )
    refused = client.post(INFER, json={"inputs": None})
    assert_error(refused, 422, "inputs")


def test_a_column_of_photographs_is_read(client: httpx.Client) -> None:
    tensor = {"name": "image", "shape": [2], "datatype": "BYTES", "data": [in_base64(PHOTO)] * 2}
    expected = answered(client, inputs=[tensor])
    column = tensor | {"shape": [2, 1], "parameters": {"content_type": "base64"}}
    assert answered(client, inputs=[column]) == expected
    assert answered(client, inputs=[column | {"data": [[text] for text in tensor["data"]]}]) == expected
    wrong = column | {"shape": [1, 2]}
    assert_error(client.post(INFER, json={"inputs": [wrong]}), 400, "[N] or [N,1], not [1, 2]")


def test_the_model_may_be_named_once_more(client: httpx.Client) -> None:
    tensor = {"name": "image", "shape": [1], "datatype": "BYTES", "data": [in_base64(PHOTO)]}
    named = {"model_name": "tiny", "model_version": "1.0.0", "inputs": [tensor]}
    assert answered(client, **named) == answered(client, inputs=[tensor])
    refused = client.post(INFER, json=named | {"model_name": "other"})
    assert_error(refused, 422, "model_name is 'other', and the path names 'tiny'")


def test_the_header_that_is_missing_is_named(client: httpx.Client) -> None:
    body, headers = message(document(), bytes(768))
    assert_error(client.post(INFER, content=body), 400, HEADER)
    assert_error(client.post(INFER, content=body[1:], headers=headers), 400)
