"""Streams as a client sees them: a real WebSocket to a real server."""

from __future__ import annotations

import base64
import json
import math
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.support.photographs import PHOTO
from tests.support.servers import GUARD_SECONDS, metric, until


def open_stream(
    client: httpx.Client, query: dict[str, Any] | None = None, path: str = "/stream", **more: Any
) -> ClientConnection:
    """A stream of the server that `client` asks; closes at the end of a `with`."""
    address = f"ws://{client.base_url.host}:{client.base_url.port}{path}?{urlencode(query or {})}"
    given = {"max_size": None, "compression": None, "open_timeout": GUARD_SECONDS, **more}
    return connect(address, **given)


def refused_opening(client: httpx.Client, query: dict[str, Any] | None = None, **more: Any) -> httpx.Response:
    """The HTTP answer to an opening that does not succeed."""
    try:
        with open_stream(client, query, **more):
            raise AssertionError("the stream was opened")
    except InvalidStatus as error:
        answer = error.response
        headers = list(answer.headers.raw_items())
        return httpx.Response(answer.status_code, headers=headers, content=bytes(answer.body or b""))


@dataclass(frozen=True)
class Answer:
    """One message of the server: its JSON as `header`, and the body that this announces."""

    frame: int | None
    dropped: int
    header: dict[str, Any]
    body: bytes | None

    @property
    def problem(self) -> str:
        """Kind of its problem, empty if it has none."""
        return str(self.header.get("problem", {}).get("type", "")).removeprefix("urn:problem-type:")


def receive(stream: ClientConnection) -> Answer:
    """The next message, and its body if one follows."""
    text = stream.recv(GUARD_SECONDS)
    assert isinstance(text, str)
    header = json.loads(text)
    body = None
    if "problem" not in header:
        body = stream.recv(GUARD_SECONDS)
        assert isinstance(body, bytes)
    return Answer(header["frame"], header.get("dropped", 0), header, body)


def send_and_receive(stream: ClientConnection, frame: bytes = PHOTO) -> Answer:
    """Send one frame and receive what is answered."""
    stream.send(frame)
    return receive(stream)


def send_until_computing(client: httpx.Client, stream: ClientConnection) -> None:
    """Return once a frame of `stream` is computed; sends as many as that takes."""
    sent_at = -math.inf

    def happens() -> bool:
        nonlocal sent_at
        if time.monotonic() - sent_at > 1:
            stream.send(PHOTO)
            sent_at = time.monotonic()
        return metric(client, "pag_inflight_requests") > 0

    until(happens)


def closed_with(stream: ClientConnection) -> tuple[int, str]:
    """Code and reason of the close that the server sends next."""
    with pytest.raises(ConnectionClosed):
        stream.recv(GUARD_SECONDS)
    assert stream.protocol.close_rcvd is not None, stream.protocol.close_exc
    return stream.protocol.close_rcvd.code, stream.protocol.close_rcvd.reason


def handshake() -> dict[str, str]:
    """Headers with which a request wishes to become a WebSocket."""
    return {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode(),
    }
