"""A real process that is told to stop while it works."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.support.photographs import PHOTO
from tests.support.problems import assert_problem
from tests.support.servers import GUARD_SECONDS, until
from tests.support.stopping import RequestThread, has_connections, stoppable_process

pytestmark = pytest.mark.process


def test_new_requests_are_refused_while_running_ones_are_answered(tmp_path: Path, weights: Path) -> None:
    with stoppable_process(tmp_path, weights, GUARD_SECONDS) as process:
        client = process.client
        held = RequestThread(process, "GET", "/held")
        until(lambda: has_connections(process))
        process.stop()
        until(lambda: client.get("/readyz").status_code == 503)
        assert client.get("/readyz").json() == {"status": "stopping", "models": []}
        assert client.get("/livez").status_code == 200
        refused = client.post("/parse", content=PHOTO)
        assert_problem(refused, 503, "not-ready", "stopping")
        assert refused.headers["retry-after"] == "1"
        assert refused.headers["connection"] == "close"
        assert client.get("/v2/health/ready").status_code == 503
        assert 'pag_rejected_total{reason="not-ready"}' in client.get("/metrics").text
        assert held.is_alive()
        (tmp_path / "release").touch()
        held.join()
        status, logs = process.wait()
    assert held.answer is not None
    assert held.answer.json() == "done"
    assert status == 0
    events = [json.loads(line) for line in logs.splitlines()]
    (stopping,) = [line for line in events if line["event"] == "stopping"]
    assert stopping["seconds"] == GUARD_SECONDS


def test_an_idle_process_ends_at_once(tmp_path: Path, weights: Path) -> None:
    with stoppable_process(tmp_path, weights, GUARD_SECONDS) as process:
        process.stop()
        assert process.wait()[0] == 0


def test_when_time_is_up_running_requests_are_told(tmp_path: Path, weights: Path) -> None:
    with stoppable_process(tmp_path, weights, 1) as process:
        held = RequestThread(process, "GET", "/held")
        until(lambda: has_connections(process))
        process.stop()
        status, _ = process.wait()
        held.join()
    assert status == 0
    assert held.answer is not None
    assert_problem(held.answer, 503, "not-ready", "before this request was answered")


@pytest.mark.parametrize("seconds", [0, 1])
def test_what_cannot_be_ended_does_not_hold_the_process(tmp_path: Path, weights: Path, seconds: int) -> None:
    with stoppable_process(tmp_path, weights, seconds) as process:
        RequestThread(process, "GET", "/stuck")
        until(lambda: has_connections(process))
        begun = time.monotonic()
        process.stop()
        status, logs = process.wait()
        took = time.monotonic() - begun
    assert status == 1
    assert "stopped_by_force" in logs
    # Due within a second of the bound; the rest is for a busy machine.
    assert took < seconds + 30
