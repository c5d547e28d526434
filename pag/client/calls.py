"""The calls of a client: requests with their options, each with the way to read its response; no I/O."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from numbers import Real
from typing import Any, Generic, Literal, TypedDict, TypeVar, cast

from pag.client.decode import JSON, NPZ, PNG, ZIP, read_files, read_json, read_models, read_npz, read_png
from pag.client.errors import (
    BadAnswer,
    PagError,
    Refused,
    TlsFailed,
    Unreachable,
    connection_error,
    refusal,
)
from pag.client.exchange import Attempt, Exchange, Outcome, Pause, Policy, Request, Response, exchange
from pag.client.results import Model, Parsing

T = TypeVar("T")
Size = Literal["input", "model"]
Representation = Literal["npz", "zip", "overlay"]
NUMBERS = ("budget", "min_budget", "deadline_ms")
RENAMED = {"tasks": "maps"}
READINESS = Request("GET", "/readyz", headers={"Accept": JSON})
REQUEST_ID_TEXT = re.compile(r"[A-Za-z0-9._:-]{1,128}")
READINESS_SECONDS = 5.0
POLL_SECONDS = 0.1


class FrameOptions(TypedDict, total=False):
    """Options of a photograph or of each frame; left out or None: the server's default."""

    budget: float | None
    """Upper bound in (0, 1] on the share of the full network's multiply-adds."""
    min_budget: float | None
    """Least budget to which load or the deadline may lower it: rather an error than less."""
    deadline_ms: float | None
    """Milliseconds within which the answer is of use."""
    maps: str | Iterable[str] | None
    """Maps to compute: names, or one string with commas."""
    size: Size | None
    """Size of the maps: the photograph's ("input"), or that at which the network saw it ("model")."""
    model: str | None
    """Name of the model."""


class ParseOptions(FrameOptions, total=False):
    """The same, and ids by which the request is found in logs and traces."""

    request_id: str | None
    """X-Request-ID: up to 128 letters, digits and . _ : -"""
    traceparent: str | None
    """W3C trace context to continue."""


Options = TypeVar("Options", bound=FrameOptions)


@dataclass(frozen=True)
class Call(Generic[T]):
    """A request, and the function that reads its response; BadAnswer if that cannot be read."""

    request: Request
    read: Callable[[Response], T]

    def steps(self, policy: Policy, begun: float) -> Exchange[T]:
        """The exchange of the request, and its response read."""
        response = yield from exchange(self.request, policy, begun)
        return self.read(response)


def parse(image: bytes, options: ParseOptions) -> Call[Parsing]:
    """The maps of an image file as arrays."""
    return Call(
        parse_request(image, NPZ, options),
        lambda response: read_npz(_body(response, NPZ), response.headers),
    )


def files(image: bytes, options: ParseOptions) -> Call[dict[str, bytes]]:
    """The maps of an image file as PNGs."""
    return Call(parse_request(image, ZIP, options), lambda response: read_files(_body(response, ZIP)))


def overlay(image: bytes, options: ParseOptions) -> Call[bytes]:
    """The image in its classes' colours, as PNG."""
    request = parse_request(image, PNG, options, output="overlay")
    return Call(request, lambda response: read_png(_body(response, PNG)))


def summary(image: bytes, options: ParseOptions, *, regions: bool) -> Call[dict[str, Any]]:
    """The maps in a few numbers, as JSON."""
    request = parse_request(image, JSON, options, output="regions" if regions else "summary")
    return Call(request, lambda response: read_json(_body(response, JSON)))


def models() -> Call[tuple[Model, ...]]:
    """The models that are loaded."""
    request = Request("GET", "/models", headers={"Accept": JSON})
    return Call(request, lambda response: read_models(read_json(_body(response, JSON))))


def parse_request(body: bytes, accept: str, options: ParseOptions, output: str | None = None) -> Request:
    """POST /parse of an image file for the media type `accept`; TypeError or ValueError for wrong options."""
    options = checked(options, ParseOptions)
    ids = {"X-Request-ID": options.get("request_id"), "traceparent": options.get("traceparent")}
    headers = {"Accept": accept, "Content-Type": "application/octet-stream"}
    headers |= {name: value for name, value in ids.items() if value is not None}
    parameters = _query(options) | ({"output": output} if output else {})
    return Request("POST", "/parse", parameters, headers, body, options.get("deadline_ms"))


def stream_request(options: FrameOptions, representation: Representation) -> Request:
    """The opening of a stream of frames, with checked options."""
    parameters = {**_query(options), "answer": representation}
    deadline_ms = options.get("deadline_ms")
    if deadline_ms is not None:
        # Of each frame, from its arrival: kept by the server, and no limit on opening the stream.
        parameters["deadline_ms"] = str(deadline_ms)
    return Request("GET", "/stream", parameters)


def readiness(policy: Policy) -> Exchange[bool]:
    """Whether the server is there and ready; PagError if it never will be."""
    return _is_ready((yield Attempt(READINESS, READINESS_SECONDS)), policy.address)


def wait_until_ready(policy: Policy, seconds: float) -> Exchange[None]:
    """Polls until the server is ready; Unreachable if it is not within `seconds`."""
    end = policy.clock() + seconds
    while not _is_ready(outcome := (yield Attempt(READINESS, READINESS_SECONDS)), policy.address):
        if policy.clock() >= end:
            raise _never_ready(policy.address, seconds, outcome)
        yield Pause(POLL_SECONDS)


def checked(options: Options, known: type[Options]) -> Options:
    """The options in the form in which they are sent; TypeError or ValueError names the one that is wrong."""
    names = known.__annotations__
    # A misspelt budget would pass unnoticed.
    for name in options:
        if name in RENAMED:
            raise TypeError(f"the option {name!r} is called {RENAMED[name]!r} now")
        if name not in names:
            raise TypeError(f"no option {name!r}; there are {', '.join(names)}")
    return cast(
        Options, {name: None if value is None else _checked(name, value) for name, value in options.items()}
    )


def _query(options: FrameOptions) -> dict[str, str]:
    """Checked options as query parameters, all but the deadline, which depends on the time of sending."""
    values = {name: options.get(name) for name in ("budget", "min_budget", "maps", "size", "model")}
    return {name: str(value) for name, value in values.items() if value is not None}


def _checked(name: str, value: object) -> float | str:
    if name == "maps":
        return _joined(value)
    if name == "request_id" and not (isinstance(value, str) and REQUEST_ID_TEXT.fullmatch(value)):
        # The server would give the request another.
        raise ValueError(f"request_id is up to 128 letters, digits and . _ : -, not {value!r:.140}")
    return _number(name, value) if name in NUMBERS else _text(name, value)


def _joined(maps: Any) -> str:
    """Names of maps as the server reads them."""
    names = [maps] if isinstance(maps, str) else list(maps) if isinstance(maps, Iterable) else [maps]
    if wrong := [name for name in names if not isinstance(name, str)]:
        raise TypeError(f"maps are names, as client.models() lists them, not {wrong[0]!r}")
    if not any(names):
        raise ValueError("maps names no map: leave it out for the server's default")
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


def _is_ready(outcome: Outcome | None, address: str) -> bool:
    if not isinstance(outcome, Response):
        error = None if outcome is None else connection_error(address, outcome.cause)
        if isinstance(error, TlsFailed):
            raise error
        return False
    if outcome.status not in (200, 502, 503):
        raise refusal(outcome.status, outcome.headers, outcome.body, address)
    if _status(outcome) == "failed":
        problem = {"title": "The server failed", "detail": "Restart it; its log says why."}
        raise Refused(outcome.status, problem)
    return outcome.status == 200


def _never_ready(address: str, seconds: float, outcome: Outcome | None) -> PagError:
    if isinstance(outcome, Response):
        return Unreachable(f"The server at {address} is not ready after {seconds:g} s: {_status(outcome)}.")
    cause = outcome.cause if outcome is not None else ""
    return Unreachable(f"No server at {address} within {seconds:g} s: {cause}.")


def _status(response: Response) -> str:
    try:
        return str(json.loads(response.body)["status"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return "it does not say why"


def _body(response: Response, media_type: str) -> bytes:
    received = response.headers.get("content-type", "nothing").partition(";")[0].strip().lower()
    if received != media_type:
        raise BadAnswer(
            f"The answer is {received}, not {media_type}: is there another program, or a proxy's page, "
            "at this address?"
        )
    return response.body
