"""Hostile requests around a sound photograph: framing, forms, queries and headers."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import quote

import httpx
import pytest

from tests.support.photographs import encoded, picture
from tests.support.servers import Process

pytestmark = pytest.mark.process

PHOTO = encoded(picture(64, 64))
BOUNDARY = "limit"
FORM = f"multipart/form-data; boundary={BOUNDARY}"
MISFRAMED = {
    "negative length": b"Content-Length: -1\r\n\r\n",
    "a text as length": b"Content-Length: many\r\n\r\n",
    "a length with a sign": b"Content-Length: +4\r\n\r\nabcd",
    "digits that are not ASCII": "Content-Length: \N{SUPERSCRIPT TWO}\r\n\r\n".encode(),
    "two lengths": b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
    "a length of 2^64": b"Content-Length: 18446744073709551616\r\n\r\n",
    "a length and chunks": b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "garbage as chunks": b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
    "a chunk of negative size": b"Transfer-Encoding: chunked\r\n\r\n-5\r\nabcde\r\n",
    "a chunk longer than it says": b"Transfer-Encoding: chunked\r\n\r\n2\r\nabcdef\r\n0\r\n\r\n",
    "an unknown transfer coding": b"Transfer-Encoding: rot13\r\n\r\nabc",
    "a header without a colon": b"nonsense\r\n\r\n",
    "a line break in a header's name": b"a\x0bb: c\r\nContent-Length: 0\r\n\r\n",
    "a header of 100 kB": b"X-Long: " + b"a" * 100_000 + b"\r\n\r\n",
    "10000 headers": b"".join(b"X-%d: a\r\n" % i for i in range(10_000)) + b"\r\n",
}


@pytest.mark.parametrize("rest", MISFRAMED.values(), ids=MISFRAMED)
def test_a_request_that_cannot_be_framed_is_refused(server: Process, rest: bytes) -> None:
    answer = server.exchange(b"POST /parse HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + rest)
    assert answer.split(b" ", 2)[1] in (b"400", b"408", b"413", b"415", b"431"), answer


def test_a_length_that_promises_more_is_given_up(server: Process) -> None:
    head = b"POST /parse HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 9999\r\n\r\n"
    answer = server.exchange(head + PHOTO[:100])
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"did not arrive within 2 seconds" in answer


def test_a_length_that_promises_less_cuts_the_photograph(server: Process) -> None:
    head = b"POST /parse HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 100\r\n\r\n"
    answer = server.exchange(head + PHOTO)
    assert answer.startswith(b"HTTP/1.1 422")
    assert b"undecodable-image" in answer


def test_a_declared_length_beyond_the_limit_is_refused_before_the_body(server: Process) -> None:
    head = (
        b"POST /parse HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 99999999999\r\n\r\n"
    )
    answer = server.exchange(head)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"send a smaller or more compressed image" in answer


@dataclass(frozen=True)
class Asked:
    """A request that differs from a good one, its status, and words of the problem's detail."""

    status: int
    words: str = ""
    query: str = "size=model"
    body: bytes = PHOTO
    headers: dict[str, bytes] = field(default_factory=dict)


def form(body: bytes, status: int = 400, words: str = "Send one file", kind: str = FORM) -> Asked:
    return Asked(status, words, body=body, headers={"Content-Type": kind.encode()})


def part(name: str, content: bytes, filename: str | None = "a.png", head: bytes = b"") -> bytes:
    known = f'; filename="{filename}"' if filename is not None else ""
    disposition = f'Content-Disposition: form-data; name="{name}"{known}\r\n'.encode()
    return f"--{BOUNDARY}\r\n".encode() + disposition + head + b"\r\n" + content + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()
NESTED = b"Content-Type: multipart/mixed; boundary=inner\r\n"
FORMS = {
    "no boundary": form(part("file", PHOTO) + END, kind="multipart/form-data"),
    "another boundary": form(part("file", PHOTO) + END, kind="multipart/form-data; boundary=other"),
    "an empty boundary": form(part("file", PHOTO) + END, kind="multipart/form-data; boundary="),
    "a boundary of 1 kB": form(part("file", PHOTO) + END, kind=FORM + "x" * 1000),
    "an unknown charset": form(part("file", PHOTO) + END, 200, "", FORM + "; charset=rot-42"),
    "a charset of bytes": form(part("file", PHOTO) + END, 200, "", FORM + "; charset=hex"),
    "two files": form(part("file", PHOTO) * 2 + END, words="Too many files"),
    "no filename": form(part("file", PHOTO, None) + END),
    "an empty filename": form(part("file", PHOTO, "") + END, 200, ""),
    "a filename that climbs": form(part("file", PHOTO, "../../etc/passwd") + END, 200, ""),
    "another field": form(part("picture", PHOTO) + END),
    "an empty file": form(part("file", b"") + END, words="No image"),
    "no parts": form(END),
    "nothing": form(b""),
    "no end": form(part("file", PHOTO)[:-10]),
    "nine fields": form(part("a", b"b", None) * 9 + part("file", PHOTO) + END, words="Too many fields"),
    "a field of 2 MB": form(part("a", bytes(2**21), None) + END, words="maximum size"),
    "a text beside it": form(part("file", b"text", None) + part("file", PHOTO) + END, words="is text"),
    "a form in the form": form(part("file", b"--inner\r\n\r\n--inner--", head=NESTED) + END, 415, "bytes"),
    "a part with a header of 1 MB": form(part("file", PHOTO, head=b"X: " + b"a" * 2**20 + b"\r\n") + END),
    "a part of 10000 headers": form(part("file", PHOTO, head=b"X: a\r\n" * 10_000) + END),
    "a part without a name": form(b"--limit\r\n\r\nabc\r\n" + END),
    "8-bit names": form(part("\xff\xfe", PHOTO) + END),
}
QUERIES = {
    **{
        f"budget={value}": "budget"
        for value in ("nan", "inf", "-inf", "-0", "0", "1e-400", "1e400", "1.0001")
    },
    **{f"budget={value}": "budget" for value in ("", "%20", "abc", "0x1", "[0.5]", "true", "%00", "1,5")},
    **{f"{name}=0.5": name for name in ("budjet", "budget[]", "Budget", "__proto__")},
    "budget=" + "9" * 4000: "budget",
    "deadline_ms=nan": "deadline_ms",
    "deadline_ms=0": "deadline_ms",
    "deadline_ms=-1": "deadline_ms",
    "deadline_ms=1e9": "deadline_ms",
    "min_budget=2": "min_budget",
    "size=huge": "size",
    "size=model&size=input": "size",
    "budget=0.5&budget=1": "budget",
    "maps=": "''",
    "maps=semantics,,depth": "''",
    "maps=" + "a" * 4000: "semantics, depth, normals",
    "maps=%F0%9F%98%80": "semantics, depth, normals",
    "output=html": "output",
    "x" * 4000 + "=1": "is no parameter: there are budget, min_budget",
}
ACCEPTS = (b"text/html", b";;;", b"*/*;q=0", b"application/json;q=nan", b"image/*;q=2;q=0", b"\xff\xfe", b",")
IGNORED = (
    {"X-Request-ID": b"a\tb"},
    {"X-Request-ID": b"<script>alert(1)</script>"},
    {"X-Request-ID": b"x" * 4000},
    {"X-Request-ID": b"\xff\xfe"},
    {"X-Anything": bytes(range(128, 256))},
    {"Content-Type": b"\xff/\xfe"},
    {"Content-Type": b"image/png; charset=" + b"x" * 2000},
    {"traceparent": b"00-zz-zz-zz"},
)


@pytest.mark.parametrize("asked", FORMS.values(), ids=FORMS)
def test_a_form_with(server: Process, asked: Asked) -> None:
    check(server, asked)


@pytest.mark.parametrize(("query", "words"), QUERIES.items(), ids=lambda text: text[:30])
def test_a_query_outside_its_domain_is_refused_by_name(server: Process, query: str, words: str) -> None:
    status = 404 if query.startswith("model") else 422
    check(server, Asked(status, words, query=query))


@pytest.mark.parametrize("query", ["budget=\u0661", "budget=1e-300", "budget=+0.5", "budget=1_0"])
def test_odd_numbers_are_answered_or_refused(server: Process, query: str) -> None:
    answer = send(server, Asked(0, query=query))
    assert answer.status_code in (200, 422), answer.text


@pytest.mark.parametrize("accept", ACCEPTS)
def test_an_accept_header_of_garbage_is_refused_or_ignored(server: Process, accept: bytes) -> None:
    answer = send(server, Asked(0, headers={"Accept": accept}))
    assert answer.status_code in (200, 406), answer.text
    if answer.status_code == 406:
        assert "application/json" in answer.json()["available"]


@pytest.mark.parametrize("headers", IGNORED, ids=lambda headers: str(headers)[:40])
def test_headers_of_garbage_harm_nothing(server: Process, headers: dict[str, bytes]) -> None:
    answer = send(server, Asked(200, headers=headers))
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-request-id"].isalnum()


def test_a_body_of_nothing_is_refused(server: Process) -> None:
    check(server, Asked(400, "No image", body=b""))


@pytest.mark.parametrize("path", ["/parse/", "/PARSE", "//parse", "/parse%00", "/%2e%2e/parse", "/parse;x"])
def test_paths_beside_the_route_have_none(server: Process, path: str) -> None:
    # Given the path alone, the client would take what follows two slashes for a host.
    url = f"http://127.0.0.1:{server.port}{path}"
    answer = server.client.post(url, content=PHOTO, follow_redirects=False)
    assert answer.status_code == 404


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "TRACE", "BREW"])
def test_other_methods_are_refused(server: Process, method: str) -> None:
    answer = server.client.request(method, "/parse", content=PHOTO)
    assert answer.status_code in (400, 405)


def send(server: Process, asked: Asked) -> httpx.Response:
    query = quote(asked.query, safe="=&%+[]._-")
    return server.client.post(f"/parse?{query}", content=asked.body, headers=list(asked.headers.items()))


def check(server: Process, asked: Asked) -> None:
    answer = send(server, asked)
    assert answer.status_code == asked.status, answer.text[:300]
    if asked.status >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert asked.words in answer.json()["detail"]
