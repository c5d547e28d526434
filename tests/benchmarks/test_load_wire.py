"""Answers are read in whatever pieces they come, requests are what HTTP says."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.load.wire import AnswerParser, BadAnswer, build_request

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\nPAG-Budget-Used: 0.36\r\nPAG-Budget-Reason: client"
ANSWER = HEAD + b"\r\n\r\n" + b"\r\n\r\n 8 bytes"


@given(st.lists(st.integers(1, len(ANSWER) - 1), unique=True))
def test_pieces_do_not_matter(cuts: list[int]) -> None:
    parser, places = AnswerParser(), [0, *sorted(cuts), len(ANSWER)]
    pieces = [ANSWER[start:end] for start, end in itertools.pairwise(places)]
    complete = [parser.feed(memoryview(piece)) for piece in pieces]
    assert complete == [False] * (len(pieces) - 1) + [True]
    assert parser.answer is not None
    assert parser.answer.status == 200
    assert parser.answer.number("pag-budget-used") == 0.36
    assert parser.answer.headers["pag-budget-reason"] == "client"
    assert parser.answer.number("retry-after") is None
    assert parser.answer.keeps_alive


def test_answer_without_a_body_is_complete_with_its_head() -> None:
    parser = AnswerParser()
    assert parser.feed(memoryview(b"HTTP/1.1 503 \r\ncontent-length: 0\r\nConnection: Close\r\n\r\n"))
    assert parser.answer is not None
    assert not parser.answer.keeps_alive


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab",
        b"ICY 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"x" * 100_000,
    ],
    ids=["no length", "more than promised", "not HTTP", "no end"],
)
def test_what_is_not_an_answer_is_told(data: bytes) -> None:
    with pytest.raises(BadAnswer):
        AnswerParser().feed(memoryview(data))


def test_request_is_whole() -> None:
    head, _, body = build_request("/parse?budget=1", b"jpeg", {"Accept": "image/png"}).partition(b"\r\n\r\n")
    assert body == b"jpeg"
    first, *lines = head.split(b"\r\n")
    assert first == b"POST /parse?budget=1 HTTP/1.1"
    assert {b"Content-Length: 4", b"Accept: image/png"} < set(lines)
