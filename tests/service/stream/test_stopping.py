"""A real process is told to stop while streams are open."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosedOK
from websockets.frames import Close
from websockets.sync.client import ClientConnection

from tests.support.problems import assert_problem
from tests.support.servers import GUARD_SECONDS, Process, metric, until
from tests.support.stopping import RequestThread, has_connections, stoppable_process
from tests.support.streams import (
    Answer,
    open_stream,
    receive,
    refused_opening,
    send_and_receive,
    send_until_computing,
)
from tests.support.tiny_model import SMALL, write_model

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def slow_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that takes its time."""
    root = tmp_path_factory.mktemp("slow")
    write_model(root, slow_nodes=60, slow_pixels=SMALL)
    return root


def logged(logs: str) -> list[dict[str, Any]]:
    """The lines of streams that ended."""
    return [line for text in logs.splitlines() if (line := json.loads(text))["event"] == "stream"]


def heard_to_the_end(stream: ClientConnection) -> list[Answer]:
    """All that is said until the server closes the stream because it stops."""
    said = []
    with pytest.raises(ConnectionClosedOK) as closed:
        while True:
            said.append(receive(stream))
    assert closed.value.rcvd == Close(1001, "The server is stopping.")
    return said


def test_what_is_computed_is_answered_before_the_end(tmp_path: Path, slow_weights: Path) -> None:
    with (
        stoppable_process(tmp_path, slow_weights, GUARD_SECONDS) as process,
        open_stream(process.client, additional_headers={"X-Request-ID": "busy"}) as busy,
        open_stream(process.client, additional_headers={"X-Request-ID": "idle"}) as idle,
    ):
        # A request that keeps the process, for us to ask meanwhile.
        held = RequestThread(process, "GET", "/held")
        until(lambda: has_connections(process, 4))
        send_until_computing(process.client, busy)
        process.stop()
        assert heard_to_the_end(idle) == []
        said = heard_to_the_end(busy)
        assert_problem(refused_opening(process.client), 503, "not-ready", "stopping")
        (tmp_path / "release").touch()
        held.join()
        status, logs = process.wait()
    assert status == 0
    assert said
    assert all(one.problem == "" for one in said)
    lines = {line["request_id"]: line for line in logged(logs)}
    counts = {"code": 1001, "frames": len(said), "answered": len(said), "dropped": 0, "failed": 0}
    assert lines["busy"] == lines["busy"] | counts
    assert lines["idle"] == lines["idle"] | {"code": 1001, "frames": 0, "answered": 0}
    assert len(lines) == 2


def test_when_time_is_up_streams_end_all_the_same(slow_weights: Path) -> None:
    with (
        Process(PAG_WEIGHTS=str(slow_weights), PAG_SHUTDOWN_SECONDS="0") as process,
        open_stream(process.client) as stream,
    ):
        send_until_computing(process.client, stream)
        process.stop()
        heard_to_the_end(stream)
        status, logs = process.wait()
    assert status == 0
    assert "Traceback" not in logs
    assert [line["code"] for line in logged(logs)] == [1001]


def test_a_stream_is_one_line_in_the_log(weights: Path) -> None:
    with Process(PAG_WEIGHTS=str(weights)) as process:
        with open_stream(process.client, additional_headers={"X-Request-ID": "abc"}) as stream:
            send_and_receive(stream)
            send_and_receive(stream, b"no image")
            threading.Thread(target=stream.close, args=(4000, "enough")).start()
            until(lambda: metric(process.client, "pag_streams") == 0)
        process.stop()
        _, logs = process.wait()
    lines = [json.loads(line) for line in logs.splitlines() if '"abc"' in line]
    counts = {"event": "stream", "frames": 2, "answered": 1, "failed": 1, "dropped": 0, "code": 4000}
    assert [line | counts for line in lines] == lines
    assert len(lines) == 1
