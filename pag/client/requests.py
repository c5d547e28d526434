"""What is asked of a server, as plain data: no network in here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypedDict

from pag.client.version import USER_AGENT

Tasks = str | Sequence[str]
Size = Literal["input", "model"]
AnswerKind = Literal["npz", "zip", "overlay"]
NPZ, ZIP, PNG, JSON = "application/x-npz", "application/zip", "image/png", "application/json"


class FrameOptions(TypedDict, total=False):
    """What may be asked of a photograph or of each frame; left out or None: the server's default."""

    budget: float | None
    """Ceiling in (0, 1] on the share of the full network's multiply-adds."""
    min_budget: float | None
    """Least budget to which load or the deadline may lower it: rather an error than less."""
    deadline_ms: float | None
    """Milliseconds within which the answer is of use."""
    tasks: Tasks | None
    """Maps to compute: names, or one string with commas."""
    size: Size | None
    """Size of the maps: the photograph's ("input"), or that at which the network saw it ("model")."""
    model: str | None
    """Name of the model."""


class ParseOptions(FrameOptions, total=False):
    """The same, and ids under which the request is found in logs and traces."""

    request_id: str | None
    """X-Request-ID: up to 128 letters, digits and . _ : -"""
    traceparent: str | None
    """W3C trace context to go on with."""


@dataclass(frozen=True)
class Request:
    """One thing to ask; sent again as it is, but for the deadline, when a try fails."""

    method: str
    path: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = field(default=None, repr=False)
    deadline_ms: float | None = None


def parse_request(body: bytes, accept: str, options: ParseOptions, output: str | None = None) -> Request:
    """POST /parse of an image file."""
    check_names(options, ParseOptions)
    headers = {"Accept": accept, "Content-Type": "application/octet-stream", **_ids(options)}
    parameters = query(options) | ({"output": output} if output else {})
    deadline = checked_deadline(options)
    return Request("POST", "/parse", parameters, headers, body, deadline)


def query(options: FrameOptions) -> dict[str, str]:
    """Options as query parameters, all but the deadline, which depends on the time of sending."""
    named = {name: options.get(name) for name in ("budget", "min_budget", "tasks", "size", "model")}
    return {name: _text(value) for name, value in named.items() if value is not None}


def check_names(options: FrameOptions, known: type[FrameOptions]) -> None:
    """TypeError for options that there are not: a misspelt budget would pass unnoticed."""
    names = known.__annotations__
    if unknown := [name for name in options if name not in names]:
        raise TypeError(f"no option {unknown[0]!r}; there are {', '.join(names)}")


def joined(tasks: Tasks) -> str:
    """Names of tasks as the server reads them."""
    return tasks if isinstance(tasks, str) else ",".join(tasks)


def checked_deadline(options: FrameOptions) -> float | None:
    """The deadline, if it is one."""
    deadline = options.get("deadline_ms")
    if deadline is not None and not deadline > 0:
        raise ValueError(f"deadline_ms is in milliseconds from now and more than 0, not {deadline}")
    return deadline


def known_headers(key: str | None) -> dict[str, str]:
    """Headers of every request."""
    if key is None:
        return {"User-Agent": USER_AGENT}
    if not key.isascii() or not key.isprintable() or not key.strip():
        raise ValueError("a key is printable ASCII: this one holds other characters, or nothing")
    return {"User-Agent": USER_AGENT, "Authorization": f"Bearer {key}"}


def _ids(options: ParseOptions) -> dict[str, str]:
    named = {"X-Request-ID": options.get("request_id"), "traceparent": options.get("traceparent")}
    return {name: value for name, value in named.items() if value is not None}


def _text(value: object) -> str:
    return value if isinstance(value, str) else joined(value) if isinstance(value, Sequence) else str(value)
