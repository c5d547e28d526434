"""Requests that cannot be met: each gets a status of the 4xx and an error that says why, never a 5xx."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.open_inference import HEADER, INFER, assert_error, document, message
from tests.support.photographs import encoded, picture, png_header

SMALL = bytes(768)
NUMBERS = [0] * 768
PHOTO = encoded(picture(16, 16))


def framed(*photos: bytes) -> bytes:
    return b"".join(len(photo).to_bytes(4, "little") + photo for photo in photos)


def files(*photos: bytes, count: int | None = None) -> tuple[dict[str, Any], bytes]:
    data = framed(*photos)
    shape = [len(photos) if count is None else count]
    return document(datatype="BYTES", shape=shape, parameters={"binary_data_size": len(data)}), data


def in_json(data: Any, shape: Any = (16, 16, 3), datatype: str = "UINT8") -> dict[str, Any]:
    return document(shape=shape, datatype=datatype, parameters={}, data=data)


def with_parameters(**parameters: Any) -> dict[str, Any]:
    return document() | {"parameters": parameters}


def with_outputs(*outputs: Any) -> dict[str, Any]:
    return document() | {"outputs": list(outputs)}


def send(client: httpx.Client, asked: Any, binary: bytes = b"") -> httpx.Response:
    body, headers = message(asked, binary)
    return client.post(INFER, content=body, headers=headers)


def test_what_is_changed_below_is_right(client: httpx.Client) -> None:
    assert send(client, document(), SMALL).status_code == 200
    assert client.post(INFER, content=json.dumps(in_json(NUMBERS))).status_code == 200
    nested = [[[0, 0, 0]] * 16] * 16
    assert client.post(INFER, content=json.dumps(in_json(nested))).status_code == 200
    assert client.post(INFER, content=json.dumps(in_json([nested], [1, 16, 16, 3]))).status_code == 200
    assert send(client, *files(PHOTO)).status_code == 200


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"inputs":[' + b"7," * 2**22 + b"7]}", "exceeds 5242880 bytes"),
        (b'{"inputs":[' + b"[]," * 500_000 + b"[]]}", "exceeds 400000 lists"),
        (b'{"inputs":[' + b"{}," * 500_000 + b"{}]}", "exceeds 4096 members"),
        (b"{" + b",".join(b'"%x":0' % index for index in range(10_000)) + b"}", "exceeds 4096 members"),
    ],
    ids=["numbers", "lists", "objects", "members"],
)
def test_json_that_would_take_long_to_parse_is_refused(client: httpx.Client, body: bytes, words: str) -> None:
    assert_error(client.post(INFER, content=body), 413, words)


def test_a_picture_of_640x480_is_read_flat_and_nested(client: httpx.Client) -> None:
    pixels = picture(480, 640)
    for data in (pixels.ravel().tolist(), pixels.tolist()):
        asked = in_json(data, pixels.shape) | {"parameters": {"size": "model", "binary_data_output": True}}
        answer = client.post(INFER, content=json.dumps(asked))
        assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("body", "header", "status", "words"),
    [
        (b"", None, 400, "JSON cannot be read"),
        (b"{", None, 400, "JSON cannot be read"),
        (b"[]", None, 400, "must be an object"),
        (b"null", None, 400, "must be an object"),
        (b"[" * 5000, None, 400, "recursion"),
        (b'{"inputs": [NaN]}', None, 400, "JSON cannot be read"),
        (b'{"id": "\\ud800"}', None, 400, "JSON cannot be read"),
        (b'{"id": "\xff"}', None, 400, "JSON cannot be read"),
        (b'{"id": ' + b"9" * 5000 + b"}", None, 400, "number out of range"),
        (b"{}", None, 422, "inputs: Field required"),
        (b"{}", "-1", 400, "a number of bytes"),
        (b"{}", "two", 400, "a number of bytes"),
        (b"{}", "\xb2", 400, "a number of bytes"),
        (b"{}", "9" * 30, 400, "a number of bytes"),
        (b"{}", "3", 400, "is 3, but the body has 2 bytes"),
        (b"", "0", 400, "no bytes"),
        (b"no photograph", "0", 415, "first bytes"),
        (b" " * (9 * 2**20), None, 413, "send the tensor as binary data"),
        (b" " * (33 * 2**20), None, 413, "exceeds"),
    ],
)
def test_framing(client: httpx.Client, body: bytes, header: str | None, status: int, words: str) -> None:
    headers = [] if header is None else [(HEADER.encode(), header.encode("latin-1"))]
    assert_error(client.post(INFER, content=body, headers=headers), status, words)


@pytest.mark.parametrize(
    ("asked", "binary", "status", "words"),
    [
        # The shape and the data
        (document(shape=[16, 16, 4]), SMALL, 400, "[H,W,3] or [N,H,W,3]"),
        (document(shape=[16, 48]), SMALL, 400, "[H,W,3] or [N,H,W,3]"),
        (document(shape=[]), SMALL, 422, "inputs.0.shape"),
        (document(shape=[1, 1, 16, 16, 3]), SMALL, 422, "inputs.0.shape"),
        (document(shape=[16, -16, 3]), SMALL, 422, "inputs.0.shape.1"),
        (document(shape=[16, 16.0, 3]), SMALL, 422, "inputs.0.shape.1"),
        (document(shape=["16", 16, 3]), SMALL, 422, "inputs.0.shape.0"),
        (document(shape=[16, True, 3]), SMALL, 422, "inputs.0.shape.1"),
        (document(shape=[2**31 - 1, 2**31 - 1, 3]), SMALL, 413, "at most 400000"),
        (document(shape=[10**30, 16, 3]), SMALL, 422, "inputs.0.shape.0"),
        (document(shape=[2**31 - 1, 16, 16, 3]), SMALL, 422, "at most 4"),
        (document(shape=[4, 600, 600, 3]), SMALL, 400, "4320000 numbers, the data 768"),
        (document(shape=[8, 32, 3]), SMALL, 422, "at least 16"),
        (document(shape=[16, 17, 3]), SMALL, 400, "816 numbers, the data 768"),
        (document(), SMALL[1:], 400, "binary_data_size is 768, but 767 bytes follow"),
        (document(), SMALL + b"1", 400, "binary_data_size is 768, but 769 bytes follow"),
        (document(parameters={"binary_data_size": -1}), SMALL, 422, "binary_data_size"),
        (document(parameters={"binary_data_size": "768"}), SMALL, 422, "binary_data_size"),
        (document(parameters={}), SMALL, 400, "no data"),
        (document(parameters={}), b"", 400, "no data"),
        (document(data=NUMBERS), SMALL, 400, "given twice"),
        (in_json(NUMBERS), SMALL, 400, "given twice"),
        (document(parameters={"shared_memory_region": "x"}), b"", 422, "shared memory is not supported"),
        # Its type
        (document(datatype="FP32"), SMALL, 422, "'UINT8' or 'BYTES'"),
        (document(datatype="uint8"), SMALL, 422, "'UINT8' or 'BYTES'"),
        (document(datatype=None), SMALL, 422, "datatype: Field required"),
        # JSON numbers
        (in_json([*NUMBERS[1:], 0.5]), b"", 400, "not fractions"),
        (in_json([*NUMBERS[1:], 1.0]), b"", 400, "not fractions"),
        (in_json([*NUMBERS[1:], -1]), b"", 400, "from 0 to 255"),
        (in_json([*NUMBERS[1:], 256]), b"", 400, "from 0 to 255"),
        (in_json([*NUMBERS[1:], 10**40]), b"", 400, "from 0 to 255"),
        (in_json([*NUMBERS[1:], True]), b"", 400, "not booleans"),
        (in_json([*NUMBERS[1:], None]), b"", 400, "not null"),
        (in_json([*NUMBERS[1:], "1"]), b"", 400, "not text"),
        (in_json([*NUMBERS[1:], [1]]), b"", 400, "not lists"),
        (in_json([[[0, 0, 0]] * 16] * 15), b"", 400, "16 elements along axis 0"),
        (in_json([[[0, 0]] * 16] * 16), b"", 400, "3 elements along axis 2"),
        (in_json([[[0, 0, 0]] * 15 + [5]] * 16), b"", 400, "3 elements along axis 2"),
        (in_json(NUMBERS[1:]), b"", 400, "768 numbers, the data 767"),
        (in_json([]), b"", 400, "the data 0"),
        (in_json("AAAA"), b"", 422, "inputs.0.data"),
        (in_json({"0": 1}), b"", 422, "inputs.0.data"),
        # Photographs
        (*files(PHOTO, count=2), 400, "Element 1 of the BYTES tensor"),
        (*files(PHOTO, PHOTO, count=1), 400, "bytes follow the 1 elements"),
        (*files(b""), 400, "no bytes"),
        (*files(b"no photograph"), 415, "first bytes"),
        (*files(PHOTO[:40]), 422, "truncated or corrupt"),
        (*files(png_header(30000, 30000)), 413, "at most 400000"),
        (*files(*[PHOTO] * 5), 422, "5 images in one request; at most 4"),
        (*files(PHOTO, encoded(picture(16, 17))), 422, "differ in size"),
        (*files(encoded(picture(500, 500)), encoded(picture(500, 500))), 422, "500000 pixels together"),
        (document(datatype="BYTES", shape=[1]), b"\xff" * 768, 400, "Element 0 of the BYTES tensor"),
        (document(datatype="BYTES", shape=[1, 2]), SMALL, 400, "the shape [N] or [N,1], not [1, 2]"),
        (document(datatype="BYTES", shape=[2**31 - 1]), SMALL, 422, "at most 4"),
        (in_json(["ÿØÿ"], [1], "BYTES"), b"", 400, "base64"),
        (in_json(["a"], [1], "BYTES"), b"", 400, "base64"),
        (in_json([{"b64": "aaaa"}], [1], "BYTES"), b"", 400, "base64"),
        (in_json(["aaaa", "aaaa"], [1], "BYTES"), b"", 400, "1 elements, the data 2"),
        (in_json([], [1], "BYTES"), b"", 400, "1 elements, the data 0"),
        # Names
        (document(name="input"), SMALL, 422, "the only one is 'image'"),
        ({"inputs": []}, b"", 422, "inputs"),
        ({"inputs": document()["inputs"] * 2}, SMALL * 2, 422, "inputs"),
        ({"inputs": None}, b"", 422, "inputs"),
        ({"inputs": [[]]}, b"", 422, "inputs.0"),
        (
            document() | {"ouputs": []},
            SMALL,
            422,
            "'ouputs' is no member: did you mean outputs? There are id, model_name, model_version, inputs",
        ),
        (document() | {"id": 5}, SMALL, 422, "id"),
        (with_outputs({"name": "edges"}), SMALL, 422, "No map 'edges'; the model has semantics, depth"),
        (with_outputs({"name": "depth"}, {"name": "depth"}), SMALL, 422, "twice"),
        (with_outputs("depth"), SMALL, 422, "outputs.0"),
        (with_outputs({"name": "depth", "parameters": {"binary_data": 1}}), SMALL, 422, "binary_data"),
        (with_outputs({"name": "depth", "parameters": {"classification": 2}}), SMALL, 422, "classifications"),
        # Parameters
        (with_parameters(rho=1), SMALL, 422, "'rho' is no member: there are budget, min_budget"),
        (with_parameters(buget=1), SMALL, 422, "'buget' is no member: did you mean budget? There are budget"),
        (with_parameters(budget=0), SMALL, 422, "budget: 0 is not a number of more than 0 and at most 1"),
        (with_parameters(sequence_id=1), SMALL, 422, "'sequence_id': these models keep no state"),
        (with_parameters(triton_x=1), SMALL, 422, "reserved by the protocol"),
        (with_parameters(budget=0), SMALL, 422, "parameters.budget"),
        (with_parameters(budget="1"), SMALL, 422, "parameters.budget"),
        (with_parameters(budget=1e999), SMALL, 400, "JSON cannot be read"),
        (with_parameters(budget=0.5, min_budget=0.6), SMALL, 422, "min_budget=0.6 is above"),
        (with_parameters(deadline_ms=0), SMALL, 422, "parameters.deadline_ms"),
        (with_parameters(deadline_ms=5, timeout=5), SMALL, 422, "send one of them"),
        (with_parameters(timeout=-1), SMALL, 422, "parameters.timeout"),
        (with_parameters(timeout=1.5), SMALL, 422, "parameters.timeout"),
        (with_parameters(priority=-1), SMALL, 422, "parameters.priority"),
        (with_parameters(size="large"), SMALL, 422, "parameters.size"),
        (with_parameters(binary_data_output="yes"), SMALL, 422, "binary_data_output"),
        (document() | {"parameters": []}, SMALL, 422, "parameters"),
    ],
)
def test_tensors_and_parameters(
    client: httpx.Client, asked: dict[str, Any], binary: bytes, status: int, words: str
) -> None:
    assert_error(send(client, asked, binary), status, words)


def test_json_outputs_are_bounded(client: httpx.Client) -> None:
    asked = document(shape=[1, 600, 600, 3], parameters={"binary_data_size": 600 * 600 * 3})
    assert send(client, asked | {"parameters": {"binary_data_output": True}}, bytes(600 * 600 * 3)).is_success
    photos = [encoded(picture(600, 600), "JPEG")] * 4
    tensor, data = files(*photos)
    answer = send(client, tensor | {"parameters": {"size": "model"}}, data)
    assert_error(answer, 422, "request binary_data")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2/nothing", 404),
        ("GET", "/v2/models", 404),
        ("GET", "/v2/models/other", 404),
        ("GET", "/v2/models/other/ready", 404),
        ("GET", "/v2/models/tiny/versions/2", 404),
        ("GET", "/v2/models/tiny/versions/2/ready", 404),
        ("POST", "/v2/models/other/infer", 404),
        ("POST", "/v2/models/tiny/versions/2/infer", 404),
        ("POST", "/v2/repository/models/tiny/load", 404),
        ("GET", "/v2/models/tiny/infer", 405),
        ("DELETE", "/v2", 405),
        ("POST", "/v2/health/live", 405),
    ],
)
def test_routes(client: httpx.Client, method: str, path: str, status: int) -> None:
    answer = client.request(method, path)
    assert_error(answer, status)
    assert answer.headers["x-request-id"]
    assert "vary" not in answer.headers


def test_elsewhere_errors_stay_problems(client: httpx.Client) -> None:
    for path in ("/v2x", "/nothing"):
        assert client.get(path).headers["content-type"] == "application/problem+json"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
MEMBERS = ("name", "shape", "datatype", "parameters", "data")


@settings(max_examples=150)
@given(st.dictionaries(st.sampled_from(MEMBERS), json_values, min_size=1, max_size=2), json_values)
def test_any_json_in_any_place_is_refused_or_answered(
    client: httpx.Client, changes: dict[str, Any], parameters: Any
) -> None:
    for asked in (document(**changes), document() | {"parameters": parameters}):
        answer = send(client, asked, SMALL)
        assert answer.status_code < 500, answer.text
        if not answer.is_success:
            assert_error(answer, answer.status_code)


@settings(max_examples=150)
@given(st.binary(max_size=64), st.integers(-2, 80))
def test_any_bytes_are_refused(client: httpx.Client, body: bytes, length: int) -> None:
    for headers in ({}, {HEADER: str(length)}):
        answer = client.post(INFER, content=body, headers=headers)
        assert 400 <= answer.status_code < 500
        assert_error(answer, answer.status_code)
