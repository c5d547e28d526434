"""Triton's own client against /v2: what it asks, what it gets, and the same maps as from POST /parse."""

from __future__ import annotations

import asyncio
import base64
import io
from typing import Any

import httpx
import numpy as np
import pytest
import tritonclient.http as triton
import tritonclient.http.aio as triton_aio
from tritonclient.utils import InferenceServerException

from tests.support.open_inference import files_input, pixels_input
from tests.support.photographs import encoded, picture

PIXELS = picture(96, 128)
PHOTO = encoded(PIXELS)
TASKS = ("semantics", "depth", "normals")


def parsed(client: httpx.Client, photo: bytes = PHOTO, **query: Any) -> dict[str, Any]:
    answer = client.post("/parse", content=photo, headers={"Accept": "application/x-npz"}, params=query)
    assert answer.status_code == 200, answer.text
    return dict(np.load(io.BytesIO(answer.content)))


def outputs(binary: bool = True, *names: str) -> list[triton.InferRequestedOutput]:
    return [triton.InferRequestedOutput(name, binary_data=binary) for name in names or TASKS]


def assert_same(result: Any, expected: dict[str, Any], place: int = 0) -> None:
    for name in TASKS:
        found = result.as_numpy(name)
        assert found.dtype == expected[name].dtype
        np.testing.assert_array_equal(found[place], expected[name])


def test_the_server_and_its_models_tell_of_themselves(remote: triton.InferenceServerClient) -> None:
    assert remote.is_server_live()
    assert remote.is_server_ready()
    assert remote.is_model_ready("tiny")
    assert remote.is_model_ready("tiny", "1.0.0")
    assert not remote.is_model_ready("tiny", "2")
    assert not remote.is_model_ready("other")
    assert remote.get_server_metadata()["name"] == "pag-service"
    extensions = remote.get_server_metadata()["extensions"]
    assert extensions == [
        "binary_tensor_data",
        "model_configuration",
        "parameters",
        "schedule_policy",
        "statistics",
    ]
    assert remote.get_model_repository_index() == [
        {"name": "tiny", "version": "1.0.0", "state": "READY", "reason": ""}
    ]


def test_metadata_name_the_tensors(remote: triton.InferenceServerClient) -> None:
    metadata = remote.get_model_metadata("tiny", "1.0.0")
    assert metadata == remote.get_model_metadata("tiny")
    assert (metadata["name"], metadata["versions"]) == ("tiny", ["1.0.0"])
    assert metadata["platform"] == "onnx_onnxv1"
    assert metadata["inputs"] == [{"name": "image", "datatype": "UINT8", "shape": [-1, -1, -1, 3]}]
    assert metadata["outputs"] == [
        {"name": "semantics", "datatype": "UINT8", "shape": [-1, -1, -1]},
        {"name": "depth", "datatype": "FP32", "shape": [-1, -1, -1]},
        {"name": "normals", "datatype": "FP32", "shape": [-1, -1, -1, 3]},
        {"name": "computed", "datatype": "FP32", "shape": [-1, -1, -1]},
    ]
    assert "only where outputs name it" in metadata["properties"]["computed"]
    assert metadata["properties"]["budget_floor"] == "0.25"


def test_a_configuration_is_told(remote: triton.InferenceServerClient) -> None:
    configuration = remote.get_model_config("tiny", "1.0.0")
    assert configuration == remote.get_model_config("tiny")
    assert (configuration["name"], configuration["max_batch_size"]) == ("tiny", 0)
    assert configuration["input"] == [
        {"name": "image", "data_type": "TYPE_UINT8", "dims": [-1, -1, -1, 3]},
    ]
    assert {"name": "depth", "data_type": "TYPE_FP32", "dims": [-1, -1, -1]} in configuration["output"]


def statistics(remote: triton.InferenceServerClient) -> dict[str, Any]:
    (found,) = remote.get_inference_statistics("tiny")["model_stats"]
    return dict(found)


def test_statistics_count_images_and_times(remote: triton.InferenceServerClient) -> None:
    before = statistics(remote)
    remote.infer("tiny", [pixels_input(np.stack([PIXELS, PIXELS]))])
    with pytest.raises(InferenceServerException):
        remote.infer("tiny", [pixels_input(PIXELS)], timeout=1)
    after = statistics(remote)
    assert remote.get_inference_statistics()["model_stats"] == [after]
    assert after["inference_count"] == before["inference_count"] + 2
    assert after["execution_count"] > before["execution_count"]
    assert after["last_inference"] > before["last_inference"]
    of, since = after["inference_stats"], before["inference_stats"]
    assert of["fail"]["count"] == since["fail"]["count"] + 1
    assert of["fail"]["ns"] > since["fail"]["ns"]
    parts = ["queue", "compute_input", "compute_infer", "compute_output"]
    assert sum(of[part]["ns"] for part in parts) == of["success"]["ns"]
    assert of["compute_infer"]["ns"] > since["compute_infer"]["ns"]
    with pytest.raises(InferenceServerException):
        remote.get_inference_statistics("other")


def test_binary_pixels_give_the_maps_of_parse(
    client: httpx.Client, remote: triton.InferenceServerClient
) -> None:
    expected = parsed(client)
    for pixels in (PIXELS, PIXELS[None]):
        result = remote.infer("tiny", [pixels_input(pixels)], request_id="mine")
        assert_same(result, expected)
        response = result.get_response()
        assert (response["model_name"], response["model_version"]) == ("tiny", "1.0.0")
        assert response["id"] == "mine"


def test_encoded_photographs_give_the_maps_of_parse(
    client: httpx.Client, remote: triton.InferenceServerClient
) -> None:
    photos = [encoded(picture(96, 128, seed), "JPEG") for seed in range(4)]
    result = remote.infer("tiny", [files_input(*photos)])
    assert result.as_numpy("normals").shape == (4, 96, 128, 3)
    for place, photo in enumerate(photos):
        assert_same(result, parsed(client, photo), place)


def test_a_batch_of_pixels_keeps_its_order(
    client: httpx.Client, remote: triton.InferenceServerClient
) -> None:
    pictures = [picture(64, 96, seed) for seed in range(4)]
    result = remote.infer("tiny", [pixels_input(np.stack(pictures))])
    for place, pixels in enumerate(pictures):
        assert_same(result, parsed(client, encoded(pixels)), place)


@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("binary_out", [True, False])
def test_json_and_binary_say_the_same(
    client: httpx.Client, remote: triton.InferenceServerClient, binary_in: bool, binary_out: bool
) -> None:
    pixels = picture(32, 48)
    result = remote.infer("tiny", [pixels_input(pixels, binary_in)], outputs=outputs(binary_out))
    assert_same(result, parsed(client, encoded(pixels)))


def test_json_takes_photographs_in_base64(client: httpx.Client, remote: triton.InferenceServerClient) -> None:
    texts = np.array([base64.b64encode(PHOTO).decode()], np.object_)
    tensor = triton.InferInput("image", [1], "BYTES").set_data_from_numpy(texts, binary_data=False)
    assert_same(remote.infer("tiny", [tensor], outputs=outputs(True)), parsed(client))


def test_each_output_has_its_own_form(client: httpx.Client, remote: triton.InferenceServerClient) -> None:
    mixed = [
        triton.InferRequestedOutput("normals", binary_data=False),
        triton.InferRequestedOutput("semantics", binary_data=True),
        triton.InferRequestedOutput("depth", binary_data=True),
    ]
    result = remote.infer("tiny", [pixels_input(PIXELS)], outputs=mixed)
    assert_same(result, parsed(client))
    assert "data" in result.get_output("normals")
    assert result.get_output("depth")["parameters"] == {"binary_data_size": 96 * 128 * 4}


def test_only_what_is_asked_for_is_computed(remote: triton.InferenceServerClient) -> None:
    result = remote.infer("tiny", [pixels_input(PIXELS)], outputs=outputs(True, "depth"))
    assert [output["name"] for output in result.get_response()["outputs"]] == ["depth"]


@pytest.mark.parametrize("binary", [True, False])
def test_where_the_compute_went_is_told_only_where_asked_for(
    client: httpx.Client, remote: triton.InferenceServerClient, binary: bool
) -> None:
    pictures = pixels_input(np.stack([PIXELS, PIXELS]))
    asked = outputs(binary, "computed", "depth")
    result = remote.infer("tiny", [pictures], outputs=asked, parameters={"budget": 0.5})
    expected = parsed(client, maps="computed,depth", budget=0.5)
    computed = result.as_numpy("computed")
    assert (computed.dtype, computed.shape) == (np.float32, (2, 96, 128))
    np.testing.assert_array_equal(computed[1], expected["computed"])
    np.testing.assert_array_equal(result.as_numpy("depth")[1], expected["depth"])
    unasked = remote.infer("tiny", [pictures]).get_response()["outputs"]
    assert [output["name"] for output in unasked] == list(TASKS)


def test_the_budget_is_served_and_told(client: httpx.Client, remote: triton.InferenceServerClient) -> None:
    result = remote.infer("tiny", [pixels_input(PIXELS)], parameters={"budget": 0.5})
    assert_same(result, parsed(client, budget=0.5))
    told = result.get_response()["parameters"]
    share = told.pop("share")
    assert share <= 0.5
    assert told == {"budget_requested": 0.5, "budget_used": 0.5, "budget_reason": "client", "scale": 1.0}
    below = remote.infer("tiny", [pixels_input(np.stack([PIXELS, PIXELS]))], parameters={"budget": 0.1})
    told = below.get_response()["parameters"]
    assert (told["budget_used"], told["budget_reason"]) == (0.25, "floor")
    assert told["budgets_used"] == "0.25,0.25"


def test_size_model_answers_photographs_of_several_sizes(
    client: httpx.Client, remote: triton.InferenceServerClient
) -> None:
    # Both are more than the network's working size, and of one shape.
    photos = [encoded(picture(side, side), "JPEG") for side in (560, 600)]
    result = remote.infer("tiny", [files_input(*photos)], parameters={"size": "model"})
    assert result.as_numpy("normals").shape == (2, 554, 554, 3)
    for place, photo in enumerate(photos):
        assert_same(result, parsed(client, photo, size="model"), place)


def test_times_and_turns_are_taken(remote: triton.InferenceServerClient) -> None:
    result = remote.infer("tiny", [pixels_input(PIXELS)], timeout=600_000_000, priority=1)
    assert result.get_response()["parameters"]["budget_used"] == 1
    assert remote.infer("tiny", [pixels_input(PIXELS)], parameters={"deadline_ms": 6e5, "min_budget": 0.9})


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        ({"model_name": "other"}, "404", "No model 'other'; loaded: tiny."),
        ({"model_version": "3"}, "404", "tiny version 1.0.0"),
        (
            {"outputs": outputs(True, "edges")},
            "422",
            "No map 'edges'; the model has semantics, depth, normals",
        ),
        ({"outputs": [triton.InferRequestedOutput("depth", class_count=3)]}, "422", "classification"),
        ({"parameters": {"rho": 0.5}}, "422", "'rho' is no member: there are budget, min_budget"),
        ({"parameters": {"budget": 2.0}}, "422", "parameters.budget"),
        ({"sequence_id": 7, "sequence_start": True}, "422", "no sequences"),
        ({"timeout": 1}, "503", "An idle server needs about"),
        ({"request_compression_algorithm": "gzip"}, "415", "Content-Encoding gzip"),
    ],
)
def test_its_exceptions_carry_our_words(
    remote: triton.InferenceServerClient, options: dict[str, Any], status: str, words: str
) -> None:
    with pytest.raises(InferenceServerException) as caught:
        remote.infer(**({"model_name": "tiny", "inputs": [pixels_input(PIXELS)]} | options))
    assert caught.value.status() == status
    assert words in caught.value.message()


def test_many_at_once(client: httpx.Client, remote: triton.InferenceServerClient) -> None:
    pictures = [picture(64, 64 + 8 * seed, seed) for seed in range(12)]
    expected = [parsed(client, encoded(pixels)) for pixels in pictures]

    async def run() -> list[Any]:
        address = f"{client.base_url.host}:{client.base_url.port}"
        async with triton_aio.InferenceServerClient(address, conn_timeout=600) as opened:
            assert await opened.is_server_ready()
            tasks = [opened.infer("tiny", [pixels_input(pixels)]) for pixels in pictures]
            return list(await asyncio.gather(*tasks))

    for result, maps in zip(asyncio.run(run()), expected, strict=True):
        assert_same(result, maps)
