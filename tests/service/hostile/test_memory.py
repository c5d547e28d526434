"""Memory of answers: however many clients do not read theirs, what is held stays within the limit."""

from __future__ import annotations

import base64
import select
import struct
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode

from tests.support.attacking import SlowReader, connect
from tests.support.flooding import UPGRADE
from tests.support.photographs import PHOTO, encoded, picture
from tests.support.problems import assert_problem
from tests.support.servers import Process, Shared, metric, until
from tests.support.streams import open_stream

pytestmark = [pytest.mark.process, pytest.mark.slow]

# Its npz takes 17 bytes a pixel, 68 MB.
LARGE = encoded(picture(2000, 2000), "JPEG")
ANSWER_BYTES = 17 * 2000 * 2000
# 17 MB: four of them are less than three quarters of the limit, and eight more than all of it.
SMALLER = encoded(picture(1000, 1000), "JPEG")
LIMIT_BYTES = 150_000_000
READERS = 12
# While answers are made there are the maps, and the photographs, beside them.
MOST_GROWTH = 3 * LIMIT_BYTES


@pytest.fixture(scope="module")
def narrow(weights: Path) -> Iterator[Process]:
    """A process with little memory for answers, which gives a reader two seconds to fall behind."""
    with Process(
        PAG_WEIGHTS=str(weights),
        PAG_MEMORY_BYTES=str(LIMIT_BYTES),
        PAG_SEND_TIMEOUT_SECONDS="2",
        PAG_MAX_WAIT_SECONDS="60",
        PAG_TIMEOUT_SECONDS="120",
    ) as process:
        for _ in range(3):
            answer = process.client.post("/parse", content=LARGE, headers={"Accept": "application/x-npz"})
            assert len(answer.content) > ANSWER_BYTES
        yield process


def held(process: Process) -> float:
    return metric(process.client, "pag_held_bytes")


def test_slow_readers_hold_bounded_memory_and_are_cut_off(narrow: Process) -> None:
    narrow.forget_peak()
    before = narrow.memory("VmRSS")
    # A few kB a second is progress, and far too little.
    readers = [SlowReader(narrow.port, LARGE, rate=4096) for _ in range(READERS)]
    until(lambda: all(reader.status for reader in readers))
    statuses = [reader.status for reader in readers]
    assert set(statuses) == {200, 429}
    assert narrow.memory("VmHWM") - before < MOST_GROWTH < READERS * ANSWER_BYTES
    until(lambda: held(narrow) == 0)
    assert len(narrow.events("slow_reader")) >= statuses.count(200)
    for reader in readers:
        reader.leave()
    assert narrow.client.post("/parse", content=LARGE).status_code == 200


def test_one_address_leaves_memory_to_others(narrow: Process) -> None:
    until(lambda: held(narrow) == 0)
    # Slow, but not so slow that they are cut off.
    readers = [SlowReader(narrow.port, SMALLER, rate=500_000) for _ in range(READERS)]
    until(lambda: all(reader.status for reader in readers))
    assert {reader.status for reader in readers} == {200, 429}
    # As long as they are served, whoever comes from elsewhere is served too.
    other = SlowReader(narrow.port, SMALLER, rate=500_000, address="127.0.0.2")
    until(lambda: bool(other.status))
    assert other.status == 200
    refused = narrow.client.post("/parse", content=SMALLER, headers={"Accept": "application/x-npz"})
    assert "of your address" in assert_problem(refused, 429, "overloaded")["detail"]
    for reader in (*readers, other):
        reader.leave()


def test_an_unread_stream_holds_bounded_memory_and_ends(narrow: Process) -> None:
    narrow.forget_peak()
    before = narrow.memory("VmRSS")
    # Its own reader stops after a few frames of the answer.
    with open_stream(narrow.client, max_queue=1) as stream:
        for _ in range(4):
            stream.send(LARGE)
        until(lambda: held(narrow) >= ANSWER_BYTES)
        until(lambda: held(narrow) == 0)
        with pytest.raises(ConnectionClosed):
            while True:
                stream.recv()
    assert narrow.memory("VmHWM") - before < MOST_GROWTH


def test_messages_that_do_not_end_hold_bounded_memory(narrow: Process) -> None:
    size = 30_000_000
    frame = b"\x82\xff" + struct.pack(">Q", size) + b"\0\0\0\0" + bytes(size - 10)
    narrow.forget_peak()
    before = narrow.memory("VmRSS")
    with ExitStack() as stack:
        streams = [stack.enter_context(closing(connect(narrow.port))) for _ in range(12)]
        for stream in streams:
            stream.sendall(UPGRADE % (b"127.0.0.1", base64.b64encode(bytes(16))))
            assert b"101" in stream.recv(4096)
            with suppress(ConnectionError):
                stream.sendall(frame)
        # The limit is enough for five: each of the others is told so.
        others = len(streams) - LIMIT_BYTES // size
        until(lambda: len(select.select(streams, [], [], 0)[0]) >= others)
        assert narrow.memory("VmHWM") - before < MOST_GROWTH < len(streams) * size * 2
        told = [stream.recv(4096) for stream in select.select(streams, [], [], 0)[0]]
        assert all(struct.pack(">H", CloseCode.TRY_AGAIN_LATER) in answer for answer in told)
    until(lambda: held(narrow) == 0)


def test_a_large_answer_comes_whole_over_a_stream(narrow: Process) -> None:
    with open_stream(narrow.client) as stream:
        stream.send(LARGE)
        stream.recv()
        assert len(stream.recv()) > ANSWER_BYTES
    until(lambda: held(narrow) == 0)


def test_an_answer_that_fits_in_no_case_is_refused_before_any_work(shared_server: Shared) -> None:
    client = shared_server(memory_bytes=2_000_000)
    large = encoded(picture(480, 640), "JPEG")
    assert_problem(client.post("/parse", content=large), 413, "answer-too-large", "size=model")
    assert client.post("/parse?maps=depth", content=large).status_code == 200
    assert metric(client, "pag_held_bytes") == 0


def test_nothing_stays_counted(default_server: httpx.Client) -> None:
    client = default_server
    for content in (PHOTO, b"no photograph", b""):
        for path in ("/parse", "/parse?maps=none", "/v2/models/tiny/infer"):
            client.post(path, content=content)
    until(lambda: metric(client, "pag_held_bytes") == 0)
