"""Places of connections, requests and streams: nobody holds them cheaply, nobody is shut out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from service.routes import stream as stream_route
from tests.support.attacking import HOST, connect, status
from tests.support.photographs import PHOTO
from tests.support.servers import Process, Shared, running_server, until, wait_until_ready
from tests.support.streams import closed_with, open_stream, refused_opening, send_and_receive
from tests.support.tiny_model import SMALL, write_model

pytestmark = pytest.mark.process

FILES = 400
# A service that may open so many files.
FEW_FILES = (
    f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({FILES}, {FILES}))\n"
    "from service.__main__ import main; main()"
)
HALF_A_HEAD = b"POST /parse HTTP/1.1\r\n" + HOST
HALF_A_BODY = HALF_A_HEAD + b"Content-Length: 100000\r\n\r\nabc"


@pytest.mark.parametrize(
    "sent", [b"", HALF_A_HEAD, HALF_A_BODY], ids=["nothing", "half a head", "half a body"]
)
def test_more_connections_than_files_shut_nobody_out(weights: Path, sent: bytes) -> None:
    settings = {"PAG_WEIGHTS": str(weights), "PAG_MAX_CONNECTIONS_PER_ADDRESS": "1000"}
    with Process("-c", FEW_FILES, until_ready=False, **settings) as process, ExitStack() as stack:
        # They come while the models are warmed up, which must succeed all the same.
        for _ in range(2 * FILES):
            stack.enter_context(connect(process.port)).sendall(sent)
        wait_until_ready(process.client)
        assert [status(process.port) for _ in range(20)] == [200] * 20
        assert process.client.post("/parse", content=PHOTO).status_code == 200
        (first, *more) = process.events("connections_limited")
        assert first["most"] < FILES
        assert len(more) < 10


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A process with few places, whose network takes about half a second."""
    root = tmp_path_factory.mktemp("crowded")
    write_model(root, slow_nodes=300, slow_pixels=SMALL)
    with Process(
        PAG_WEIGHTS=str(root),
        PAG_MAX_CONNECTIONS="6",
        PAG_MAX_CONNECTIONS_PER_ADDRESS="4",
        PAG_MAX_WAIT_SECONDS="600",
        PAG_TIMEOUT_SECONDS="600",
        PAG_BROWNOUT="false",
    ) as process:
        process.client.close()
        yield process


def test_one_address_does_not_take_the_places_of_others(crowded: Process) -> None:
    with ExitStack() as stack:
        held = [stack.enter_context(connect(crowded.port)) for _ in range(4)]
        for connection in held[2:]:
            connection.sendall(HALF_A_BODY)
        assert status(crowded.port, address="127.0.0.2") == 200
        # The oldest of its own gives way, once it has waited for a moment.
        until(lambda: status(crowded.port) == 200)
        assert held[0].recv(1) == b""


def test_only_requests_that_are_answered_keep_their_places(crowded: Process) -> None:
    request = HALF_A_HEAD + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(PHOTO) + PHOTO
    with ExitStack() as stack:
        busy = [stack.enter_context(connect(crowded.port)) for _ in range(4)]
        for connection in busy:
            connection.sendall(request)
        assert status(crowded.port) == 503
        assert status(crowded.port, address="127.0.0.2") == 200
        for connection in busy:
            assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")


def test_half_sent_bodies_take_no_place_of_a_request(shared_server: Shared) -> None:
    client = shared_server(max_pending=2)
    with ExitStack() as stack:
        for _ in range(8):
            stack.enter_context(connect(client.base_url.port)).sendall(HALF_A_BODY)
        time.sleep(0.5)
        assert client.post("/parse", content=PHOTO).status_code == 200


def test_a_silent_stream_gives_its_place_back(shared_server: Shared) -> None:
    client = shared_server(max_streams=1, stream_idle_seconds=0.5)
    with open_stream(client) as stream:
        assert refused_opening(client).status_code == 429
        assert send_and_receive(stream).problem == ""
        assert closed_with(stream)[0] == 1008
    until(lambda: opens(client))


def test_a_silent_stream_gives_way_to_a_new_one(
    shared_server: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_route, "GIVE_WAY_SECONDS", 0.3)
    client = shared_server(max_streams=2)
    with open_stream(client) as quiet, open_stream(client) as busy:
        assert send_and_receive(quiet).problem == ""
        time.sleep(0.4)
        # A sign of life, but no frame.
        quiet.send("{}")
        assert send_and_receive(busy).problem == ""
        with open_stream(client) as new:
            assert closed_with(quiet)[0] == 1013
            assert send_and_receive(new).problem == ""
            assert send_and_receive(busy).problem == ""
            assert refused_opening(client).status_code == 429


def opens(client: httpx.Client) -> bool:
    """Whether a stream can be opened."""
    with suppress(InvalidStatus), open_stream(client):
        return True
    return False


def test_a_stream_that_waits_for_an_answer_is_not_silent(tmp_path: Path, shared_server: Shared) -> None:
    write_model(tmp_path, slow_nodes=300, slow_pixels=SMALL)
    client = shared_server(
        weights=tmp_path, stream_idle_seconds=0.1, max_wait_seconds=600, timeout_seconds=600, brownout=False
    )
    with open_stream(client) as stream:
        assert send_and_receive(stream).problem == ""


def test_a_failed_warm_up_heals(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "weights", only=(59, 80))
    sound = write_model(tmp_path / "sound")
    with running_server(weights=folder.parent, reload_seconds=0.1, until_ready=False) as client:
        until(lambda: client.get("/livez").status_code == 503)
        for name in ("model.onnx", "manifest.json"):
            (sound / name).replace(folder / name)
        wait_until_ready(client)
        assert client.get("/livez").status_code == 200
        assert client.post("/parse", content=PHOTO).status_code == 200
