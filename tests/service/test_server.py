"""The real process: it starts, says why it cannot, serves under load, notices departures, and stops."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import onnxruntime
import pytest

from service.__main__ import main
from service.settings import OTHERS, Settings, environment_name, read_settings, settings_table
from tests.support.photographs import PHOTO, encoded, picture
from tests.support.problems import assert_problem
from tests.support.servers import (
    GUARD_SECONDS,
    Process,
    Serve,
    bare_environment,
    computing,
    metric,
    running_server,
    until,
)
from tests.support.tiny_model import SMALL, write_model

pytestmark = pytest.mark.slow


@pytest.mark.process
def test_it_starts_serves_logs_and_stops(weights: Path) -> None:
    with Process(PAG_WEIGHTS=str(weights)) as process:
        answer = process.client.post("/parse", content=PHOTO, headers={"X-Request-ID": "abc"})
        assert answer.status_code == 200
        assert "server" not in answer.headers
        process.stop()
        status, log = process.wait()
    assert status == 0
    lines = [json.loads(line) for line in log.splitlines()]
    (request,) = [line for line in lines if line.get("request_id") == "abc"]
    assert (request["event"], request["path"], request["status"]) == ("request", "/parse", 200)
    assert (request["client"], request["bytes_in"]) == ("127.0.0.1", len(PHOTO))
    assert request["bytes_out"] == len(answer.content)
    budget = (request["budget_requested"], request["budget_used"], request["budget_reason"])
    assert (request["model"], *budget) == ("tiny", 1.0, 1.0, "default")
    assert any(line["event"] == "ready" for line in lines)


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("PAG_WEIGHTS", "/nonexistent", "weights folder /nonexistent does not exist"),
        ("PAG_MAX_PENDING", "0", "PAG_MAX_PENDING: '0' is not a whole number of at least 1"),
        ("PAG_MAX_WAIT", "1", "PAG_MAX_WAIT is not a setting: did you mean PAG_MAX_WAIT_SECONDS?"),
        ("PAG_MAX_PENDNG", "1", "PAG_MAX_PENDNG is not a setting: did you mean PAG_MAX_PENDING?"),
        ("PAG_PAGE", "perhaps", "PAG_PAGE: 'perhaps' is neither true nor false"),
        ("PAG_ZEBRA", "1", "PAG_ZEBRA is not a setting: pag serve --settings lists them"),
        ("PERFORATED_CONV_MAX_ISA", "sse", "PERFORATED_CONV_MAX_ISA: 'sse' is none of 'portable'"),
    ],
)
def test_it_says_why_it_cannot_start(
    variable: str,
    value: str,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    message = capsys.readouterr().err
    assert message.startswith("cannot start: ")
    assert "Traceback" not in message
    assert words in message


@pytest.mark.process
@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("PAG_PROVIDER", "cuda", "needs CUDAExecutionProvider"),
        ("PAG_HOST", "nowhere.invalid", "of nowhere.invalid cannot be listened on"),
        ("PAG_PORT", "TAKEN", "cannot be listened on (Address already in use): set PAG_PORT (--port)"),
    ],
)
def test_what_fails_at_the_start_itself_is_one_sentence_too(
    variable: str, value: str, words: str, weights: Path
) -> None:
    if variable == "PAG_PROVIDER" and "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime has a GPU's provider")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        value = value.replace("TAKEN", str(taken.getsockname()[1]))
        environment = {"PAG_PORT": "0", "PAG_WEIGHTS": str(weights), "PAG_LOG_LEVEL": "warning"}
        ended = subprocess.run(
            [sys.executable, "-m", "service"],
            env={**bare_environment(), **environment, variable: value},
            capture_output=True,
            text=True,
            timeout=GUARD_SECONDS,
            check=False,
        )
    (line,) = ended.stderr.splitlines()
    assert (ended.returncode, line.startswith("cannot start: "), words in line) == (2, True, True), line


@pytest.mark.process
def test_it_says_where_it_serves_and_that_no_model_is_the_default(tmp_path: Path) -> None:
    write_model(tmp_path, "a")
    write_model(tmp_path, "b")
    with Process(PAG_WEIGHTS=str(tmp_path)) as process:
        process.until(lambda: bool(process.events("serving")))
        assert process.events("serving")[0]["open"] == f"{process.url}/"
        (warning,) = process.events("no_default_model")
        assert (warning["models"], "PAG_MODEL" in warning["fix"]) == (["a", "b"], True)
        order = [line["event"] for line in map(json.loads, process.log().splitlines()) if "event" in line]
        assert order.index("ready") < order.index("serving")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PAG_KEY", "secret"),
        ("PAG_SERVICE_HOST", "10.0.0.1"),
        ("PAG_PARSE_SERVICE_PORT_HTTP", "8000"),
        ("PAG_PARSE_PORT", "tcp://10.0.0.1:8000"),
        ("PAG_PARSE_PORT_8000_TCP_ADDR", "10.0.0.1"),
    ],
)
def test_variables_that_are_meant_for_others_are_let_be(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    assert read_settings(port=1).port == 1


def test_every_variable_that_this_repository_reads_is_known() -> None:
    root = Path(__file__).parents[2]
    folders = ("benchmarks", "model_export", "pag", "service", "tests")
    read = re.compile(r'environ(?:\.get\(|\[)"(PAG_\w+)"')
    names = {
        name
        for folder in folders
        for path in (root / folder).rglob("*.py")
        for name in read.findall(path.read_text(encoding="utf-8"))
    }
    assert names
    assert names <= OTHERS | {environment_name(field) for field in Settings.model_fields}


def test_the_settings_are_documented() -> None:
    table = settings_table()
    assert table.count("\n| `") == len(Settings.model_fields)
    assert "| `PAG_MAX_PENDING` | `64` |" in table
    assert "| `PERFORATED_CONV_MAX_ISA` | `(unset)` |" in table
    assert "One of `cpu`, `cuda`. |" in table
    assert all(field.description for field in Settings.model_fields.values())


def test_a_network_that_fails_is_no_fault_of_the_client(tmp_path: Path, serve: Serve) -> None:
    write_model(tmp_path, only=(60, 80))
    with serve(weights=tmp_path) as client:
        assert_problem(client.post("/parse", content=PHOTO), 500, "inference-failed")
        assert client.post("/parse", content=encoded(picture(480, 640))).status_code == 200


def test_a_failed_warm_up_is_told(tmp_path: Path) -> None:
    write_model(tmp_path, only=(59, 80))
    with running_server(weights=tmp_path, until_ready=False) as client:
        until(lambda: client.get("/livez").status_code == 503)
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json()["status"]) == (503, "failed")
        refused = client.post("/parse", content=PHOTO)
        assert_problem(refused, 503, "not-ready")
        assert refused.headers["retry-after"] == "1"


def send(client: httpx.Client) -> socket.socket:
    """A request on a connection of its own, sent and not waited for."""
    connection = socket.create_connection((client.base_url.host, client.base_url.port))
    head = f"POST /parse HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(PHOTO)}\r\n\r\n"
    connection.sendall(head.encode() + PHOTO)
    return connection


def test_a_full_server_refuses_and_stays_healthy(single: httpx.Client) -> None:
    refused = 'pag_rejected_total{reason="overloaded"}'
    before = metric(single, refused)
    with send(single):
        until(lambda: computing(single))
        answer = single.post("/parse", content=PHOTO)
        assert single.get("/livez").status_code == single.get("/readyz").status_code == 200
    assert_problem(answer, 429, "overloaded", "1 requests are pending")
    assert int(answer.headers["retry-after"]) >= 1
    assert metric(single, refused) == before + 1
    until(lambda: not computing(single))


def test_a_client_that_leaves_stops_its_inference(single: httpx.Client) -> None:
    before = metric(single, "pag_cancelled_total")
    with send(single):
        until(lambda: computing(single))
    until(lambda: metric(single, "pag_cancelled_total") == before + 1)
    until(lambda: not computing(single))


def test_stopping_waits_for_what_runs(tmp_path: Path, serve: Serve) -> None:
    write_model(tmp_path, slow_nodes=100, slow_pixels=SMALL)
    answers: list[int] = []
    with serve(weights=tmp_path, shutdown_seconds=GUARD_SECONDS) as client:
        url = str(client.base_url)
        thread = threading.Thread(
            target=lambda: answers.append(
                httpx.post(f"{url}/parse", content=PHOTO, timeout=GUARD_SECONDS).status_code
            )
        )
        thread.start()
        until(lambda: computing(client))
    thread.join()
    assert answers == [200]
