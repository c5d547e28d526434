"""Answers made to harm: nothing large is expanded, and what is wrong is one printable line."""

from __future__ import annotations

import io
import json
import resource
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import numpy as np
import pytest

from pag import BadAnswer, Client, PagError
from pag.client import exchange
from pag.client.decode import read_files, read_json, read_models, read_npz
from pag.client.errors import read_retry_after, refusal_of_problem
from pag.client.stream_core import MessageReader
from tests.support.foreign_servers import answer_with, foreign_server
from tests.support.photographs import LANDSCAPE
from tests.support.servers import GUARD_SECONDS, bare_environment

NPZ = {"Content_Type": "application/x-npz"}
EVIL = "\x1b]0;owned\x07\x1b[31m\u202egnp.exe\u2066\x9b2J\r\nroot# "


@pytest.fixture(scope="module")
def real(url: str) -> Callable[[str], httpx.Response]:
    def get(accept: str) -> httpx.Response:
        return httpx.post(
            f"{url}/parse", content=LANDSCAPE, headers={"Accept": accept}, timeout=GUARD_SECONDS
        )

    return get


@pytest.fixture(scope="module")
def npz(real: Callable[[str], httpx.Response]) -> bytes:
    return real("application/x-npz").content


def is_plain(text: str) -> bool:
    return text.isprintable()


def bomb(name: str, head: bytes = b"", others: dict[str, str] | None = None, size: int = 2**30) -> bytes:
    """An archive of a megabyte or so, one entry of which expands to `size` bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for other, text in (others or {}).items():
            archive.writestr(other, text)
        with archive.open(name, "w") as file:
            file.write(head)
            for _ in range(size // 2**24):
                file.write(bytes(2**24))
    return buffer.getvalue()


def npy_head(*shape: int, descr: str = "|u1") -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": descr, "fortran_order": False, "shape": shape})
    return file.getvalue()


@pytest.mark.parametrize("reader", [read_npz, read_files])
def test_an_archive_is_refused_before_it_expands(reader: Callable[[bytes], Any]) -> None:
    data = (
        bomb("depth.npy", npy_head(2**30))
        if reader is read_npz
        else bomb("depth.png", others={"meta.json": "{}"})
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BadAnswer, match="would expand to 10737"):
        reader(data)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


@pytest.mark.process
def test_a_command_against_a_server_of_bombs_stays_small() -> None:
    data = bomb("depth.npy", npy_head(2**30))
    code = (
        "import re, sys\nfrom pag import BadAnswer, Client\n"
        "client = Client(sys.argv[1])\n"
        "try: client.parse(b'image')\nexcept BadAnswer as error: print(error)\n"
        # Not ru_maxrss: a new process begins with its parent's.
        "print(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1])"
    )
    with foreign_server(answer_with(200, data, **NPZ)) as (url, _):
        ended = subprocess.run(
            [sys.executable, "-c", code, url],
            env=bare_environment(),
            capture_output=True,
            text=True,
            check=True,
        )
    message, kilobytes = ended.stdout.splitlines()
    assert "would expand" in message
    assert int(kilobytes) < 400_000


def test_a_list_of_a_million_entries_is_not_read() -> None:
    entry = b"PK\x01\x02" + bytes(24) + struct.pack("<H", 8) + bytes(16) + b"aaaaaaaa"
    listed = entry * 200_000
    data = listed + b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(listed), 0, 0)
    for reader in (read_files, read_npz):
        with pytest.raises(BadAnswer, match="its list of entries has"):
            reader(data)


def archive_of(**entries: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in entries.items():
            archive.writestr(f"{name}.npy", data)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "entry",
    [
        npy_head(2**40),
        npy_head(2**62, 2**62),
        npy_head(-1),
        npy_head(4),
        npy_head(4, descr="<f8"),
        npy_head(2**20, descr="<U1000"),
        b"\x93NUMPY\x09\x00\x10\x00" + bytes(16),
        b"\x93NUMPY\x01\x00\xff\xff{'descr': " + b"(" * 60_000,
        b"",
    ],
)
def test_an_array_that_is_not_as_its_header_says_is_an_error(entry: bytes) -> None:
    with pytest.raises(BadAnswer):
        read_npz(archive_of(depth=entry))


def test_an_answer_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch, npz: bytes) -> None:
    monkeypatch.setattr(exchange, "MAX_ANSWER_BYTES", 10_000)
    with (
        foreign_server(answer_with(200, npz, **NPZ)) as (url, _),
        Client(url) as client,
        pytest.raises(BadAnswer, match="exceeds 10000 bytes"),
    ):
        client.parse(LANDSCAPE)


def with_meta(npz: bytes, change: Callable[[Any], Any]) -> bytes:
    members = dict(np.load(io.BytesIO(npz)))
    meta = json.loads(str(members["meta"]))
    changed = change(meta)
    buffer = io.BytesIO()
    np.savez(buffer, **{**members, "meta": np.array(json.dumps(meta if changed is None else changed))})
    return buffer.getvalue()


def put(value: Any, *path: str) -> Callable[[Any], None]:
    def change(meta: Any) -> None:
        for name in path[:-1]:
            meta = meta[name]
        meta[path[-1]] = value

    return change


WRONG = [None, True, [], {}, "x", 1e400, float("nan"), -1, 2**80, EVIL, [[[]]], {"a": 1}]
PLACES = [
    ("budget",), ("budget", "used"), ("budget", "reason"), ("budget", "multiply_adds"),
    ("image",), ("image", "height"), ("size",), ("size", "height"), ("milliseconds",),
    ("milliseconds", "queue"),
    ("model",), ("model", "name"), ("model", "version"), ("request_id",),
    ("maps",), ("maps", "depth"), ("maps", "depth", "kind"), ("maps", "depth", "dtype"),
    ("maps", "depth", "unit"),
    ("maps", "normals", "frame"), ("maps", "semantics", "classes"), ("maps", "semantics", "invalid"),
]  # fmt: skip


@pytest.mark.parametrize("path", PLACES, ids=".".join)
def test_a_member_of_another_type_is_an_error_or_harmless(path: tuple[str, ...], npz: bytes) -> None:
    for value in WRONG:
        try:
            parsing = read_npz(with_meta(npz, put(value, *path)))
        except BadAnswer as error:
            assert is_plain(str(error))
            assert len(str(error)) < 500
        else:
            # What a caller does with it works.
            assert is_plain(repr(parsing))
            float(sum(parsing.milliseconds.values()))
            kinds = {info.kind for info in parsing.map_info.values()}
            assert "labels" not in kinds or sum(parsing.class_shares().values()) <= 1.001
            assert "metric" not in kinds or parsing.points().shape == (96, 128, 3)


@pytest.mark.parametrize("value", WRONG, ids=repr)
def test_a_list_of_models_is_right_or_an_error(value: Any, url: str) -> None:
    document = httpx.get(f"{url}/models").json()
    for path in [*document["models"][0], "models"]:
        changed = json.loads(json.dumps(document))
        (changed if path == "models" else changed["models"][0])[path] = value
        try:
            models = read_models(changed)
        except BadAnswer as error:
            assert is_plain(str(error))
        else:
            for model in models:
                assert is_plain(f"{model.budget_floor:.3g} {model.budget_default:g} {model!r}")
                assert is_plain(repr(model.classes))


@pytest.mark.parametrize("body", [b"[" * 100_000, b"9" * 10_000, b"\xff", b"", b"null", b'{"a":' * 50_000])
def test_json_that_harms_is_an_error(body: bytes) -> None:
    with pytest.raises(BadAnswer):
        read_json(body)
    with foreign_server(answer_with(500, body, Content_Type="application/problem+json")) as (url, _):
        with Client(url, retries=0) as client, pytest.raises(PagError) as refused:
            client.parse(LANDSCAPE)
        assert is_plain(str(refused.value))
        with Client(url, retries=0) as client, pytest.raises(PagError):
            client.ready()


def test_words_of_a_server_are_one_printable_line(npz: bytes) -> None:
    problem = json.dumps(
        {"title": EVIL, "detail": EVIL, "request_id": EVIL, "type": EVIL, "status": EVIL}
    ).encode()
    answers = [
        answer_with(422, problem, Content_Type="application/problem+json"),
        answer_with(500, EVIL.encode(), Content_Type="text/html"),
        answer_with(200, npz, Content_Type="x/\x9b2J"),
        answer_with(302, b"", Location="http://\x9b31m"),
        answer_with(200, npz, PAG_Call="\x9b2J", **NPZ),
        answer_with(200, with_meta(npz, put({EVIL: {}}, "maps")), **NPZ),
    ]
    for answer in answers:
        with (
            foreign_server(answer) as (url, _),
            Client(url, retries=0) as client,
            pytest.raises(PagError) as caught,
        ):
            client.parse(LANDSCAPE)
        assert is_plain(str(caught.value))


@pytest.mark.parametrize(
    "value", ["-5", "nan", -5, float("nan"), float("inf"), 1e300, True, "x", [], "9" * 400]
)
def test_a_pause_that_nobody_can_make_is_none(value: Any) -> None:
    pause = refusal_of_problem(429, {"retry_after": value}).retry_after
    header = read_retry_after(str(value), datetime.now(UTC))
    assert all(found is None or 0 <= found <= 1e9 for found in (pause, header))


@pytest.mark.parametrize(
    "messages",
    [
        ['{"frame": 1e999, "dropped": 0, "media_type": "image/png"}', b""],
        ['{"frame": 0, "dropped": 0, "frames_per_second": [], "media_type": "application/x-npz"}', b"npz"],
        ['{"frame": 0, "dropped": 0, "media_type": "application/x-npz", "meta": []}', b"npz"],
        [
            '{"frame": 0, "dropped": 0, "media_type": "application/x-npz", "meta": {"milliseconds": 3}}',
            b"npz",
        ],
        ['{"frame": 0, "dropped": 0, "media_type": {}}', b""],
        ["[" * 100_000],
        ["[]"],
        ['{"problem": []}'],
        [b"x"],
        ["{}", "{}"],
        ["{}", b"x"],
    ],
)
def test_a_message_of_a_stream_is_right_or_an_error(messages: list[str | bytes], npz: bytes) -> None:
    reader = MessageReader()
    with pytest.raises(BadAnswer) as caught:
        for message in messages:
            reader.read(npz if message == b"npz" else message)
    assert is_plain(str(caught.value))


def test_an_answer_of_another_stream_is_an_error(npz: bytes) -> None:
    reader = MessageReader()
    reader.request_id = "another"
    reader.read('{"frame": 0, "dropped": 0, "media_type": "application/x-npz"}')
    with pytest.raises(BadAnswer, match="its own is another"):
        reader.read(npz)
