"""Answers that say no, as errors: the service's problems, and what proxies and other programs say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from pag.client.errors import Busy, DeadlineMissed, Refused
from pag.client.retries import read_retry_after

SLUG_OF_HOPELESS = "deadline-unreachable"
MOST_SHOWN = 200


def refusal(status: int, headers: Mapping[str, str], body: bytes) -> Refused:
    """The error for an answer with a `status` of 300 or more; names of `headers` are in lower case."""
    problem = _problem(body) or _foreign(status, headers, body)
    return from_problem(status, problem, read_retry_after(headers.get("retry-after"), datetime.now(UTC)))


def from_problem(status: int, problem: dict[str, Any], retry_after: float | None = None) -> Refused:
    """The error for a problem in the service's own words."""
    given = problem.get("retry_after")
    if retry_after is None and isinstance(given, int | float):
        retry_after = float(given)
    error = Refused(status, problem, retry_after)
    if status == HTTPStatus.GATEWAY_TIMEOUT or error.slug == SLUG_OF_HOPELESS:
        return DeadlineMissed(status, problem, retry_after)
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        return Busy(status, problem, retry_after)
    return error


def _problem(body: bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(body)
    except ValueError:
        return None
    return document if isinstance(document, dict) and "title" in document else None


def _foreign(status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    if 300 <= status < 400:
        target = headers.get("location", "elsewhere")
        return {"title": "The server moved", "detail": f"It sends requests to {target}: use that address."}
    said = " ".join(body[:MOST_SHOWN].decode("utf-8", "replace").split())
    kind = headers.get("content-type", "no type")
    detail = f"A server or proxy that is not pag-parse answered ({kind}): {said or 'nothing'}"
    return {"title": _phrase(status), "detail": detail}


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown status"
