"""What can be asked of a server, each with the way to read its answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from pag.client.answers import read_files, read_json, read_npz, read_png
from pag.client.errors import BadAnswer, PagError, Refused, TlsFailed, Unreachable
from pag.client.exchange import Answer, Failure, Pause, Talk, Terms, Try, exchange
from pag.client.models import Model, read_models
from pag.client.parsing import Parsing
from pag.client.refusals import refusal
from pag.client.requests import (
    JSON,
    NPZ,
    PNG,
    ZIP,
    AnswerKind,
    FrameOptions,
    ParseOptions,
    Request,
    parse_request,
    query,
)
from pag.client.unreached import unreachable

T = TypeVar("T")
READINESS = Request("GET", "/readyz", headers={"Accept": JSON})
READINESS_SECONDS = 5.0
POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Question(Generic[T]):
    """A request and what its answer means."""

    request: Request
    read: Callable[[Answer], T]


def maps(image: bytes, options: ParseOptions) -> Question[Parsing]:
    """The arrays of a photograph."""
    return Question(parse_request(image, NPZ, options), _read_maps)


def files(image: bytes, options: ParseOptions) -> Question[dict[str, bytes]]:
    """The same as PNGs."""
    return Question(parse_request(image, ZIP, options), lambda answer: read_files(_body(answer, ZIP)))


def overlay(image: bytes, options: ParseOptions) -> Question[bytes]:
    """The photograph in its classes' colours."""
    request = parse_request(image, PNG, options, output="overlay")
    return Question(request, lambda answer: read_png(_body(answer, PNG)))


def models() -> Question[tuple[Model, ...]]:
    """What is loaded."""
    request = Request("GET", "/models", headers={"Accept": JSON})
    return Question(request, lambda answer: read_models(read_json(_body(answer, JSON))))


def opening(options: FrameOptions, answer: AnswerKind) -> Request:
    """A stream of frames, with checked options."""
    parameters = {**query(options), "answer": answer}
    deadline = options.get("deadline_ms")
    if deadline is not None:
        # Of each frame, from its arrival: the server's to keep, and no limit on opening the stream.
        parameters["deadline_ms"] = str(deadline)
    return Request("GET", "/stream", parameters)


def answered(question: Question[T], terms: Terms, begun: float) -> Talk[T]:
    """What to do for the answer to `question`, asked at `begun`."""
    answer = yield from exchange(question.request, terms, begun)
    return question.read(answer)


def readiness(terms: Terms) -> Talk[bool]:
    """What to do to know whether the server is there and ready; a PagError if it never will be."""
    return _is_yes((yield Try(READINESS, READINESS_SECONDS)), terms.address)


def waiting(terms: Terms, seconds: float) -> Talk[None]:
    """What to do until the server is ready; Unreachable if it is not within `seconds`."""
    end = terms.clock() + seconds
    while not _is_yes(reply := (yield Try(READINESS, READINESS_SECONDS)), terms.address):
        if terms.clock() >= end:
            raise _never_ready(terms.address, seconds, reply)
        yield Pause(POLL_SECONDS)


def _is_yes(reply: Answer | Failure | None, address: str) -> bool:
    if isinstance(reply, Failure) and isinstance(error := unreachable(address, reply.cause), TlsFailed):
        raise error
    if not isinstance(reply, Answer):
        return False
    if reply.status not in (200, 502, 503):
        raise refusal(reply.status, reply.headers, reply.body)
    if _status(reply) == "failed":
        raise Refused(reply.status, {"title": "The server failed", "detail": "Restart it; its log says why."})
    return reply.status == 200


def _never_ready(address: str, seconds: float, reply: Answer | Failure | None) -> PagError:
    if isinstance(reply, Answer):
        return Unreachable(f"The server at {address} is not ready after {seconds:g} s: {_status(reply)}.")
    cause = reply.cause if reply is not None else ""
    return Unreachable(f"No server at {address} within {seconds:g} s: {cause}.")


def _status(answer: Answer) -> str:
    try:
        return str(json.loads(answer.body)["status"])
    except (ValueError, KeyError, TypeError):
        return "it does not say why"


def _read_maps(answer: Answer) -> Parsing:
    return read_npz(_body(answer, NPZ), answer.headers)


def _body(answer: Answer, media_type: str) -> bytes:
    given = answer.headers.get("content-type", "nothing").partition(";")[0].strip().lower()
    if given != media_type:
        raise BadAnswer(
            f"The answer is {given}, not {media_type}: is there another program, or a proxy's page, "
            "at this address?"
        )
    return answer.body
