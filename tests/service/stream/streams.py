"""Streams as a client sees them: a real WebSocket to a real server."""

from __future__ import annotations

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

from tests.service.conftest import GUARD_SECONDS, encoded, picture
from tests.service.ops.harness import until

PHOTO = encoded(picture(64, 64))


def opened(client: httpx.Client, query: dict[str, Any] | None = None, **more: Any) -> ClientConnection:
    """A stream of the server that `client` asks; closes at the end of a `with`."""
    address = f"ws://{client.base_url.host}:{client.base_url.port}/stream?{urlencode(query or {})}"
    given = {"max_size": None, "compression": None, "open_timeout": GUARD_SECONDS, **more}
    return connect(address, **given)


def refused(client: httpx.Client, query: dict[str, Any] | None = None, **more: Any) -> httpx.Response:
    """The HTTP answer to an opening that does not succeed."""
    try:
        with opened(client, query, **more):
            raise AssertionError("the stream was opened")
    except InvalidStatus as error:
        answer = error.response
        headers = list(answer.headers.raw_items())
        return httpx.Response(answer.status_code, headers=headers, content=bytes(answer.body or b""))


@dataclass(frozen=True)
class Said:
    """One message of the server, with the body that it announces."""

    frame: int | None
    dropped: int
    told: dict[str, Any]
    body: bytes | None

    @property
    def problem(self) -> str:
        """Kind of its problem, empty if it has none."""
        return str(self.told.get("problem", {}).get("type", "")).removeprefix("urn:problem-type:")


def heard(stream: ClientConnection) -> Said:
    """The next message, and its body if one follows."""
    text = stream.recv(GUARD_SECONDS)
    assert isinstance(text, str)
    told = json.loads(text)
    body = None
    if "problem" not in told:
        body = stream.recv(GUARD_SECONDS)
        assert isinstance(body, bytes)
    return Said(told["frame"], told.get("dropped", 0), told, body)


def asked(stream: ClientConnection, frame: bytes = PHOTO) -> Said:
    """What is said to one frame."""
    stream.send(frame)
    return heard(stream)


def computing(client: httpx.Client, stream: ClientConnection) -> None:
    """Return once a frame of `stream` is computed; sends as many as that takes."""
    sent_at = -math.inf

    def happens() -> bool:
        nonlocal sent_at
        if time.monotonic() - sent_at > 1:
            stream.send(PHOTO)
            sent_at = time.monotonic()
        return measured(client, "pag_inflight_requests") > 0

    until(happens)


def ended(stream: ClientConnection) -> tuple[int, str]:
    """Code and reason of the close that the server sends next."""
    with pytest.raises(ConnectionClosed):
        stream.recv(GUARD_SECONDS)
    assert stream.protocol.close_rcvd is not None, stream.protocol.close_exc
    return stream.protocol.close_rcvd.code, stream.protocol.close_rcvd.reason


def measured(client: httpx.Client, name: str) -> float:
    """Value of a metric, `name` with its labels; 0 where it is not counted yet."""
    lines = client.get("/metrics").text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(name + " "))
