"""POST /parse and the maps in its answers."""

from __future__ import annotations

import io
from typing import Any

import httpx
import numpy as np
from PIL import Image

from tests.support.photographs import LANDSCAPE


def post(client: httpx.Client, data: bytes = LANDSCAPE, accept: str = "*/*", **query: Any) -> httpx.Response:
    """POST /parse with a body, an Accept header and query parameters."""
    return client.post("/parse", content=data, headers={"Accept": accept}, params=query)


def arrays(answer: httpx.Response) -> dict[str, Any]:
    """The arrays of an answer in application/x-npz, by name."""
    assert answer.status_code == 200, answer.text
    return dict(np.load(io.BytesIO(answer.content)))


def pixels(data: bytes) -> np.ndarray:
    """The pixels of an encoded image as it stores them."""
    return np.asarray(Image.open(io.BytesIO(data)))
