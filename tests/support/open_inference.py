"""Requests in the words of the Open Inference Protocol, and Triton's own client."""

from __future__ import annotations

import json
from typing import Any

import httpx
import numpy as np
import tritonclient.http as triton
from numpy.typing import NDArray

HEADER = "Inference-Header-Content-Length"
INFER = "/v2/models/tiny/infer"


def triton_client(client: httpx.Client, **options: Any) -> triton.InferenceServerClient:
    """Triton's own client of the server of `client`."""
    address = f"{client.base_url.host}:{client.base_url.port}"
    return triton.InferenceServerClient(address, network_timeout=600, connection_timeout=600, **options)


def pixels_input(pixels: NDArray[np.uint8], binary: bool = True) -> triton.InferInput:
    """Pixels as a tensor."""
    tensor = triton.InferInput("image", list(pixels.shape), "UINT8")
    return tensor.set_data_from_numpy(pixels, binary_data=binary)


def files_input(*files: bytes) -> triton.InferInput:
    """Encoded photographs as a tensor."""
    tensor = triton.InferInput("image", [len(files)], "BYTES")
    return tensor.set_data_from_numpy(np.array(files, np.object_))


def message(document: dict[str, Any], binary: bytes = b"") -> tuple[bytes, dict[str, str]]:
    """Body and headers of a request with binary data behind its JSON."""
    head = json.dumps(document).encode()
    return head + binary, {HEADER: str(len(head))}


def document(**changes: Any) -> dict[str, Any]:
    """A right request for 16 x 16 black pixels behind the JSON, with changed members of its input."""
    tensor = {
        "name": "image",
        "shape": [16, 16, 3],
        "datatype": "UINT8",
        "parameters": {"binary_data_size": 768},
    }
    return {"inputs": [tensor | changes]}


def assert_error(answer: httpx.Response, status: int, words: str = "") -> str:
    """The answer is an error in the protocol's form."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert list(body) == ["error"]
    assert words in body["error"]
    return str(body["error"])
