"""Just enough of HTTP/1.1 for a generator that must cost little: requests prebuilt, answers not kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

HEAD_END = b"\r\n\r\n"
LONGEST_HEAD = 64 * 1024


class BadAnswer(ValueError):
    """What came is not an answer that this parser reads."""


@dataclass
class Answer:
    """Status, headers by lower-case name, and how many bytes of body."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    length: int = 0

    @property
    def keeps_alive(self) -> bool:
        """Whether the connection may carry another request."""
        return self.headers.get("connection", "").lower() != "close"

    def number(self, name: str) -> float | None:
        """Value of a header that holds a number, None if there is none."""
        try:
            return float(self.headers[name])
        except (KeyError, ValueError):
            return None


def build_request(target: str, body: bytes, headers: Mapping[str, str], host: str = "127.0.0.1") -> bytes:
    """Bytes of a POST with a body of known length."""
    return build_head(target, len(body), headers, host) + body


def build_head(target: str, length: int, headers: Mapping[str, str], host: str = "127.0.0.1") -> bytes:
    """Bytes of a POST up to its body."""
    lines = [f"POST {target} HTTP/1.1", f"Host: {host}", f"Content-Length: {length}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


class AnswerParser:
    """Takes an answer in whatever pieces it comes; keeps the head, counts the body."""

    def __init__(self) -> None:
        self.answer: Answer | None = None
        self._head = bytearray()
        self._left = 0

    def feed(self, piece: memoryview) -> bool:
        """Whether the answer is complete now; BadAnswer where it cannot be read."""
        if self.answer is not None:
            return self._count(len(piece))
        self._head += piece
        end = self._head.find(HEAD_END)
        if end < 0:
            if len(self._head) > LONGEST_HEAD:
                raise BadAnswer("no end of the head in sight")
            return False
        self.answer = parse_head(bytes(self._head[:end]))
        self._left = self.answer.length
        return self._count(len(self._head) - end - len(HEAD_END))

    def _count(self, received: int) -> bool:
        self._left -= received
        if self._left < 0:
            raise BadAnswer(f"{-self._left} bytes more than promised")
        return self._left == 0


def parse_head(head: bytes) -> Answer:
    """Status line and headers; the body's length must be among them."""
    first, *lines = head.decode("latin-1").split("\r\n")
    version, _, rest = first.partition(" ")
    if not version.startswith("HTTP/1.") or not rest[:3].isdigit():
        raise BadAnswer(f"no status line: {first[:80]!r}")
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    length = headers.get("content-length", "")
    if not length.isdigit():
        raise BadAnswer("an answer without Content-Length")
    return Answer(int(rest[:3]), headers, int(length))
