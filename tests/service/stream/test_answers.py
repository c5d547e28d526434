"""What a frame is answered with, and how options change what follows."""

from __future__ import annotations

import io
import json
import socket
import zipfile
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from tests.support.photographs import PHOTO, encoded, picture
from tests.support.servers import PATIENT, Serve, metric, until
from tests.support.streams import open_stream, receive, send_and_receive
from tests.support.tiny_model import SMALL, write_model

ACCEPT = {"npz": "application/x-npz", "zip": "application/zip"}


def parsed(client: httpx.Client, accept: str, **query: Any) -> bytes:
    answer = client.post("/parse", content=PHOTO, headers={"Accept": accept}, params=query)
    assert answer.status_code == 200
    return answer.content


def entries(body: bytes) -> dict[str, bytes]:
    """Files of an archive, but for what tells of one answer alone."""
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.startswith("meta")}


@pytest.mark.parametrize("answer", ["npz", "zip"])
def test_maps_are_those_of_a_request(client: httpx.Client, answer: str) -> None:
    with open_stream(client, {"answer": answer, "budget": 0.5}) as stream:
        said = send_and_receive(stream)
    assert said.body is not None
    assert said.header["media_type"] == ACCEPT[answer]
    assert entries(said.body) == entries(parsed(client, ACCEPT[answer], budget=0.5))
    assert said.header["meta"]["budget"]["used"] == 0.5
    assert set(said.header["meta"]["maps"]) == {"semantics", "depth", "normals"}


def test_npz_is_the_default_and_carries_its_own_description(client: httpx.Client) -> None:
    with open_stream(client) as stream:
        said = send_and_receive(stream)
        request_id = stream.response.headers["X-Request-ID"]  # type: ignore[union-attr]
    arrays = np.load(io.BytesIO(said.body or b""))
    assert json.loads(str(arrays["meta"]))["request_id"] == request_id
    assert said.header["meta"]["request_id"] == request_id
    assert said.header["meta"]["maps"]["depth"] == {
        "kind": "metric",
        "array": "depth",
        "dtype": "float32",
        "unit": "metre",
        "invalid": "NaN",
    }


def test_an_overlay_is_a_picture(client: httpx.Client) -> None:
    with open_stream(client, {"answer": "overlay"}) as stream:
        said = send_and_receive(stream)
    assert said.header["media_type"] == "image/png"
    assert said.body == parsed(client, "image/png", output="overlay")


def test_options_hold_from_the_next_frame_on(client: httpx.Client) -> None:
    with open_stream(client, {"budget": 0.5, "maps": "depth"}) as stream:
        assert send_and_receive(stream).header["meta"]["budget"]["requested"] == 0.5
        stream.send('{"budget": 0.75, "maps": "semantics,depth", "answer": "zip"}')
        said = send_and_receive(stream)
        assert said.header["meta"]["budget"]["requested"] == 0.75
        assert sorted(entries(said.body or b"")) == ["depth.png", "semantics.png"]
        stream.send('{"budget": null, "answer": null}')
        said = send_and_receive(stream)
    assert said.header["meta"]["budget"] == said.header["meta"]["budget"] | {
        "requested": 1.0,
        "reason": "default",
    }
    assert said.header["media_type"] == "application/x-npz"
    assert sorted(said.header["meta"]["maps"]) == ["depth", "semantics"]


def test_a_frame_that_waits_keeps_the_options_it_came_with(slow: httpx.Client) -> None:
    with open_stream(slow, {"budget": 0.5, "size": "model"}) as stream:
        for _ in range(4):
            stream.send(PHOTO)
        stream.send('{"budget": 0.75}')
        budgets = {}
        while 3 not in budgets:
            said = receive(stream)
            budgets[said.frame] = said.header["meta"]["budget"]["requested"]
        assert send_and_receive(stream).header["meta"]["budget"]["requested"] == 0.75
    assert set(budgets.values()) == {0.5}


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ('{"budget": 7}', "invalid-parameter", "options.budget"),
        ('{"budget": NaN}', "invalid-parameter", "options.budget"),
        ('{"budgte": 0.5}', "invalid-parameter", "options.budgte"),
        ('{"answer": "json"}', "invalid-parameter", "options.answer"),
        ('{"maps": ["depth"]}', "invalid-parameter", "options.maps"),
        ('{"maps": "taste"}', "unknown-map", "taste"),
        ('{"answer": "overlay", "maps": "depth"}', "invalid-parameter", "overlay"),
        ('{"model": "other"}', "unknown-model", "other"),
        ('{"min_budget": 0.9}', "invalid-parameter", "above the budget"),
    ],
)
def test_options_that_cannot_be_leave_those_before(
    client: httpx.Client, options: str, kind: str, words: str
) -> None:
    with open_stream(client, {"budget": 0.5}) as stream:
        stream.send(options)
        said = receive(stream)
        assert (said.frame, said.problem) == (None, kind)
        assert set(said.header) == {"frame", "problem"}
        assert words in said.header["problem"]["detail"]
        after = send_and_receive(stream)
    assert (after.frame, after.dropped) == (0, 0)
    assert after.header["meta"]["budget"]["requested"] == 0.5


@pytest.mark.parametrize(
    ("frame", "kind", "status"),
    [
        (b"Dear sir or madam", "unsupported-image", 415),
        (b"", "empty-body", 400),
        (PHOTO[:100], "undecodable-image", 422),
        (encoded(picture(8, 8)), "image-too-small", 422),
    ],
)
def test_a_frame_that_cannot_be_is_told_and_the_stream_goes_on(
    client: httpx.Client, frame: bytes, kind: str, status: int
) -> None:
    with open_stream(client) as stream:
        said = send_and_receive(stream, frame)
        assert (said.frame, said.dropped, said.problem) == (0, 0, kind)
        problem = said.header["problem"]
        assert problem == problem | {"status": status, "instance": "/stream"}
        assert problem["request_id"] == stream.response.headers["X-Request-ID"]  # type: ignore[union-attr]
        assert send_and_receive(stream).frame == 1


def test_a_frame_in_pieces_is_one_frame(client: httpx.Client) -> None:
    with open_stream(client) as stream:
        stream.send(PHOTO[i : i + 100] for i in range(0, len(PHOTO), 100))
        assert receive(stream).frame == 0
        assert send_and_receive(stream).frame == 1


def test_a_deadline_counts_from_each_frames_arrival(slow: httpx.Client) -> None:
    with open_stream(slow, {"deadline_ms": 60_000, "size": "model"}) as stream:
        assert send_and_receive(stream).problem == ""
        stream.send('{"deadline_ms": 5}')
        said = send_and_receive(stream)
        assert said.problem in ("deadline-unreachable", "deadline-exceeded")
        assert said.header["problem"]["status"] in (503, 504)
        stream.send('{"deadline_ms": null}')
        assert send_and_receive(stream).problem == ""


def test_overload_is_told_of_each_frame(tmp_path: Path, serve: Serve) -> None:
    write_model(tmp_path, slow_nodes=400, slow_pixels=SMALL)
    with serve(weights=tmp_path, max_pending=1, **PATIENT) as client, open_stream(client) as stream:
        # A request that is computed holds the one place.
        head = f"POST /parse HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(PHOTO)}\r\n\r\n"
        with socket.create_connection((client.base_url.host, client.base_url.port)) as request:
            request.sendall(head.encode() + PHOTO)
            until(lambda: metric(client, "pag_inflight_requests") == 1)
            said = send_and_receive(stream)
            assert said.problem == "overloaded"
            assert said.header["problem"] == said.header["problem"] | {"status": 429, "retry_after": 1}
            assert request.recv(12) == b"HTTP/1.1 200"
        assert send_and_receive(stream).frame == 1
        assert metric(client, 'pag_stream_frames_total{outcome="refused"}') == 1
        assert metric(client, 'pag_rejected_total{reason="overloaded"}') == 1


def test_parsed_frames_count_as_others(client: httpx.Client) -> None:
    names = (
        'pag_stream_frames_total{outcome="answered"}',
        "pag_budget_used_count",
        'pag_budget_reason_total{reason="client"}',
    )
    until(lambda: metric(client, "pag_streams") == 0)
    before = [metric(client, name) for name in names]
    with open_stream(client, {"budget": 0.5}) as stream:
        for _ in range(3):
            send_and_receive(stream)
        assert metric(client, "pag_streams") == 1
    assert [metric(client, name) - old for name, old in zip(names, before, strict=True)] == [3, 3, 3]


def test_frames_per_second_are_told(client: httpx.Client) -> None:
    with open_stream(client, {"size": "model"}) as stream:
        rates = [send_and_receive(stream).header["frames_per_second"] for _ in range(5)]
    assert rates[0] is None
    assert all(rate > 0 for rate in rates[1:])
