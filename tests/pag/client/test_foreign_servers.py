"""Answers that are none of this service's: each is an error that says so."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import time
import zipfile
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from typing import Any

import httpx
import numpy as np
import pytest

from pag import AsyncClient, BadAnswer, Busy, Client, DeadlineMissed, PagError, Refused, TimedOut, Unreachable
from pag.client.decode import read_files, read_models, read_npz, read_png
from tests.support.foreign_servers import Answering, answer_with, foreign_server
from tests.support.photographs import LANDSCAPE
from tests.support.servers import GUARD_SECONDS

NPZ = {"Content_Type": "application/x-npz"}
HTML = {"Content_Type": "text/html; charset=utf-8"}


@pytest.fixture(scope="module")
def npz(url: str) -> bytes:
    headers = {"Accept": "application/x-npz"}
    return httpx.post(f"{url}/parse", content=LANDSCAPE, headers=headers, timeout=GUARD_SECONDS).content


def parse(url: str, **options: Any) -> None:
    """Ask with both clients: what the one raises, the other must raise too."""
    settings = {"retries": 0, "timeout": GUARD_SECONDS, **options.pop("settings", {})}

    async def use() -> None:
        async with AsyncClient(url, **settings) as client:
            await client.parse(LANDSCAPE, **options)

    with Client(url, **settings) as client:
        try:
            client.parse(LANDSCAPE, **options)
        except PagError as error:
            with pytest.raises(type(error)):
                asyncio.run(use())
            raise
    asyncio.run(use())


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (
            answer_with(200, b"<h1>Log in</h1>", **HTML),
            BadAnswer,
            "text/html, not application/x-npz.*another program",
        ),
        (answer_with(200, b"PK nonsense", **NPZ), BadAnswer, "no maps that can be read"),
        (
            answer_with(502, b"<h1>Bad\n gateway</h1>", **HTML),
            Refused,
            r"proxy.*<h1>Bad gateway</h1> \[502\]",
        ),
        (answer_with(503, b"", **HTML), Busy, "nothing"),
        (answer_with(504, b"", **HTML), DeadlineMissed, "504"),
        (
            answer_with(307, b"", Location="https://x/parse"),
            Refused,
            "sends requests to https://x/parse: use that",
        ),
        (answer_with(404, b'{"detail":"Not Found"}', Content_Type="application/json"), Refused, "Not Found"),
        (answer_with(599, b"[]", Content_Type="application/json"), Refused, "Unknown status"),
        (
            answer_with(200, b"PK", length=5000, **NPZ),
            Unreachable,
            "No answer from http://127.0.0.1.*incomplete|closed",
        ),
    ],
)
def test_an_answer_of_another_program_is_an_error(
    answer: Answering, error: type[PagError], words: str
) -> None:
    with foreign_server(answer) as (url, _), pytest.raises(error, match=words):
        parse(url)


def test_every_truncation_of_an_answer_is_an_error(npz: bytes) -> None:
    for length in [0, 1, 30, *range(100, len(npz), 4999), len(npz) - 1]:
        with pytest.raises(BadAnswer):
            read_npz(npz[:length])


def test_every_flipped_byte_is_an_error_or_harmless(npz: bytes) -> None:
    for place in range(0, len(npz), 1999):
        spoilt = bytearray(npz)
        spoilt[place] ^= 0xFF
        try:
            assert read_npz(bytes(spoilt)).size == (96, 128)
        except BadAnswer:
            continue


def edited(npz: bytes, **arrays: Any) -> bytes:
    members = dict(np.load(io.BytesIO(npz)))
    members |= {name: value for name, value in arrays.items() if value is not None}
    for name in [name for name, value in arrays.items() if value is None]:
        del members[name]
    buffer = io.BytesIO()
    np.savez(buffer, **members)
    return buffer.getvalue()


def without(npz: bytes, *path: str) -> bytes:
    meta = json.loads(str(np.load(io.BytesIO(npz))["meta"]))
    inner = meta
    for name in path[:-1]:
        inner = inner[name]
    del inner[path[-1]]
    return edited(npz, meta=np.array(json.dumps(meta)))


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda npz: edited(npz, meta=None), "meta"),
        (lambda npz: edited(npz, meta=np.array("{")), "Expecting"),
        (lambda npz: edited(npz, meta=np.array("[]")), "."),
        (lambda npz: edited(npz, depth=np.array([{}], object)), "pickle"),
        (lambda npz: edited(npz, depth=np.zeros((96, 128))), "depth is float64"),
        (lambda npz: edited(npz, normals=np.zeros((96, 128), np.float32)), r"normals is float32 \(96, 128\)"),
        (lambda npz: without(npz, "budget", "share"), "'share' is missing"),
        (lambda npz: without(npz, "size"), "'size' is missing"),
        (lambda npz: without(npz, "request_id"), "'request_id' is missing"),
        (lambda npz: without(npz, "maps", "depth", "kind"), "'kind' is missing"),
        (lambda npz: edited(npz, depth=None), "'depth' is missing"),
    ],
)
def test_what_a_parsing_lacks_is_named(edit: Callable[[bytes], bytes], words: str, npz: bytes) -> None:
    with pytest.raises(BadAnswer, match=words):
        read_npz(edit(npz))


@pytest.mark.parametrize("name", ["../evil.png", "/etc/evil.png", "a/b.png", "evil.sh", "depth.png\n"])
def test_files_cannot_lead_out_of_the_folder_they_are_written_to(name: str) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("meta.json", "{}")
        archive.writestr(name, b"")
    with pytest.raises(BadAnswer, match="no file of a parsing is named"):
        read_files(buffer.getvalue())


def test_other_answers_that_are_not_whole() -> None:
    with pytest.raises(BadAnswer, match="no whole PNG"):
        read_png(b"\x89PNG\r\n\x1a\n cut")
    with pytest.raises(BadAnswer, match="no files"):
        read_files(b"PK")
    with pytest.raises(BadAnswer, match="list of models"):
        read_models({"models": [{"name": "x"}]})


def test_a_proxy_s_502_is_tried_again(npz: bytes) -> None:
    left = [1, 1]

    def recovers(handler: BaseHTTPRequestHandler) -> None:
        (answer_with(502, b"") if left and left.pop() else answer_with(200, npz, **NPZ))(handler)

    with foreign_server(recovers) as (url, paths), Client(url, timeout=GUARD_SECONDS) as client:
        assert client.parse(LANDSCAPE).size == (96, 128)
        assert len(paths) == 3


def test_an_answer_that_dribbles_does_not_outlive_the_timeout() -> None:
    def dribbles(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "application/x-npz")
        handler.send_header("Content-Length", "1000000")
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(b"x")
                time.sleep(0.01)
        except OSError:
            handler.close_connection = True

    with foreign_server(dribbles) as (url, _):
        with pytest.raises(TimedOut, match=r"within 0\.3 s"):
            parse(url, settings={"timeout": 0.3})
        with pytest.raises(DeadlineMissed, match="within 50 ms: raise deadline_ms") as missed:
            parse(url, deadline_ms=50, settings={"transfer_seconds": 0.1})
        assert missed.value.status == 0


def test_each_attempt_requests_the_time_that_remains() -> None:
    with foreign_server(answer_with(429, b"", Retry_After="0")) as (url, paths):
        client = Client(url, retries=2, timeout=GUARD_SECONDS)
        with client, pytest.raises(Busy):
            client.parse(LANDSCAPE, deadline_ms=60_000)
    sent = [float(path.partition("deadline_ms=")[2]) for path in paths]
    assert len(sent) == 3
    assert 60_000 >= sent[0] > sent[1] > sent[2] > 0


@pytest.mark.parametrize("retry_after", ["3600", "Wed, 01 Jan 2081 00:00:00 GMT"])
def test_nobody_waits_for_what_would_come_too_late(retry_after: str) -> None:
    with foreign_server(answer_with(503, b"", Retry_After=retry_after)) as (url, paths):
        client = Client(url, retries=9, timeout=1000)
        with client, pytest.raises(Busy) as busy:
            client.parse(LANDSCAPE)
    assert len(paths) == 1
    assert busy.value.retry_after is not None and busy.value.retry_after >= 3600


def test_the_client_names_itself_and_sends_its_key() -> None:
    seen = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        seen.append((handler.headers["User-Agent"], handler.headers["Authorization"]))
        answer_with(401, b"{}")(handler)

    with foreign_server(answer) as (url, _), Client(url, key="s3cret") as client:
        with pytest.raises(Refused):
            client.models()
        assert "s3cret" not in repr(client)
    assert seen[0][0].startswith("pag-client/")
    assert seen[0][1] == "Bearer s3cret"


def test_a_server_that_is_another_program_is_never_ready() -> None:
    with foreign_server(answer_with(404, b"")) as (url, _), Client(url) as client:
        with pytest.raises(Refused, match="not pag-parse"):
            client.ready()
        with pytest.raises(Refused, match="not pag-parse"):
            client.wait_until_ready()


def test_a_server_that_failed_is_not_waited_for() -> None:
    failed = answer_with(503, b'{"status": "failed", "models": []}')
    with (
        foreign_server(failed) as (url, _),
        Client(url) as client,
        pytest.raises(Refused, match="Restart it"),
    ):
        client.wait_until_ready()


DRIPS = {
    "interim responses": (b"", b"HTTP/1.1 102 Processing\r\n\r\n"),
    "a head": (b"HTTP/1.1 200 OK\r\nA: ", b"a"),
    "a chunk extension": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;", b"a"),
    "a trailer": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n", b"a: b\r\n"),
    "a body": (b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b"a"),
}


@pytest.mark.parametrize("kind", DRIPS)
def test_an_answer_that_comes_byte_by_byte_ends_with_the_timeout(kind: str) -> None:
    opening, drop = DRIPS[kind]

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        handler.connection.sendall(opening)
        end = time.monotonic() + GUARD_SECONDS
        with suppress(ConnectionError):
            while time.monotonic() < end:
                handler.connection.sendall(drop)
                time.sleep(0.05)

    with foreign_server(drip) as (url, _):
        begun = time.monotonic()
        with pytest.raises(TimedOut):
            parse(url, settings={"timeout": 0.3})
        # Two clients, one after the other.
        assert time.monotonic() - begun < 60


@pytest.mark.parametrize("layers", [1, 2])
def test_a_packed_answer_is_refused_before_it_expands(layers: int) -> None:
    body = bytes(2**24)
    for _ in range(layers):
        body = gzip.compress(body, 9)
    packed = answer_with(200, body, Content_Encoding=", ".join(["gzip"] * layers), **NPZ)
    with foreign_server(packed) as (url, _), pytest.raises(BadAnswer, match="is packed"):
        parse(url)
