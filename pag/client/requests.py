"""What is asked of a server, as plain data: no network in here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from numbers import Real
from typing import Any, Literal, TypedDict, TypeVar, cast

from pag.client.version import USER_AGENT

Tasks = str | Iterable[str]
Size = Literal["input", "model"]
AnswerKind = Literal["npz", "zip", "overlay"]
NUMBERS = ("budget", "min_budget", "deadline_ms")
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


Options = TypeVar("Options", bound=FrameOptions)


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
    options = checked(options, ParseOptions)
    headers = {"Accept": accept, "Content-Type": "application/octet-stream", **_ids(options)}
    parameters = query(options) | ({"output": output} if output else {})
    return Request("POST", "/parse", parameters, headers, body, options.get("deadline_ms"))


def query(options: FrameOptions) -> dict[str, str]:
    """Checked options as query parameters, all but the deadline, which depends on the time of sending."""
    named = {name: options.get(name) for name in ("budget", "min_budget", "tasks", "size", "model")}
    return {name: str(value) for name, value in named.items() if value is not None}


def checked(options: Options, known: type[Options]) -> Options:
    """The options in the form in which they are sent; TypeError or ValueError names the one that is wrong."""
    names = known.__annotations__
    # A misspelt budget would pass unnoticed.
    if unknown := [name for name in options if name not in names]:
        raise TypeError(f"no option {unknown[0]!r}; there are {', '.join(names)}")
    return cast(
        Options, {name: None if value is None else _checked(name, value) for name, value in options.items()}
    )


def _checked(name: str, value: object) -> float | str:
    if name == "tasks":
        return _joined(value)
    return _number(name, value) if name in NUMBERS else _text(name, value)


def _joined(tasks: Any) -> str:
    """Names of tasks as the server reads them."""
    names = [tasks] if isinstance(tasks, str) else list(tasks) if isinstance(tasks, Iterable) else [tasks]
    if wrong := [name for name in names if not isinstance(name, str)]:
        raise TypeError(f"tasks are names of maps, such as ['depth', 'normals'], not {wrong[0]!r}")
    if not any(names):
        raise ValueError("tasks names no map: leave it out for the server's default")
    return ",".join(names)


def _number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} is a number, not {value!r}")
    number = float(value)
    if name == "deadline_ms" and not number > 0:
        raise ValueError(f"deadline_ms is in milliseconds from now and more than 0, not {number:g}")
    return number


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} is a text, not {value!r}")
    return value


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
