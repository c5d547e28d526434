"""W3C trace context: taken over where valid, made otherwise, told in answers, problems and logs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.middleware.observation import begin_trace
from tests.support.photographs import PHOTO
from tests.support.servers import Process

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
OURS = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-(0[01])")


@pytest.mark.parametrize(
    ("given", "sampled"),
    [
        (f"00-{TRACE}-{SPAN}-01", "01"),
        (f"00-{TRACE}-{SPAN}-00", "00"),
        (f"00-{TRACE}-{SPAN}-03", "01"),
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-brings", "01"),
    ],
)
def test_a_valid_context_is_taken_over(client: httpx.Client, given: str, sampled: str) -> None:
    answer = client.get("/livez", headers={"traceparent": given})
    match = OURS.fullmatch(answer.headers["traceparent"])
    assert match is not None
    assert match[1] == TRACE
    assert match[2] != SPAN
    assert match[3] == sampled


@pytest.mark.parametrize(
    "given",
    [
        "",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-01-more",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01, 00-{TRACE}-{SPAN}-01",
    ],
)
def test_any_other_makes_a_new_trace(client: httpx.Client, given: str) -> None:
    answer = client.post("/parse", headers={"traceparent": given})
    match = OURS.fullmatch(answer.headers["traceparent"])
    assert match is not None
    assert match[1] != TRACE
    assert answer.json()["trace_id"] == match[1]


def test_two_headers_are_no_context() -> None:
    header = (b"traceparent", f"00-{TRACE}-{SPAN}-01".encode())
    assert begin_trace([header, header], sampled=False).trace_id != TRACE


@given(st.binary(max_size=80))
def test_any_bytes_make_a_trace(value: bytes) -> None:
    assert OURS.fullmatch(begin_trace([(b"traceparent", value)], sampled=True).traceparent)


@pytest.mark.process
def test_every_line_of_a_request_names_its_trace(weights: Path) -> None:
    with Process(PAG_WEIGHTS=str(weights)) as process:
        headers = {"traceparent": f"00-{TRACE}-{SPAN}-01", "X-Request-ID": "traced"}
        assert process.client.post("/parse", content=PHOTO, headers=headers).status_code == 200
        process.stop()
        status, logs = process.wait()
    assert status == 0
    lines = [json.loads(line) for line in logs.splitlines()]
    traced = [line for line in lines if line.get("request_id") == "traced"]
    assert [line["trace_id"] for line in traced] == [TRACE] * len(traced) != []
