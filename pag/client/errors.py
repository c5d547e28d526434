"""The errors of a client, one family (catch PagError for all), and how responses and causes become them."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from pag.printable import printable

SLUG_OF_HOPELESS_DEADLINE = "deadline-unreachable"
UNKNOWN_MODEL = "urn:problem-type:unknown-model"
MAX_QUOTED_BYTES = 200
# More than clocks can wait.
MAX_PAUSE_SECONDS = 1e9
# The connection broke during the TLS handshake: the next attempt may succeed.
BROKEN_HANDSHAKES = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)


class PagError(Exception):
    """Base of all errors that a client raises; wrong arguments are ValueError, TypeError or OSError.

    As text each is one printable line, whatever the server sent.
    """

    def __str__(self) -> str:
        return printable(super().__str__())


class Unreachable(PagError):
    """No answer came: no connection, or it broke and further attempts did no better."""


class TimedOut(Unreachable):
    """The client's `timeout` passed before the answer was there."""


class TlsFailed(Unreachable):
    """No TLS connection: the server speaks none, or its certificate is not trusted; not tried again."""


class StreamClosed(Unreachable):
    """The server ended a stream that still had frames to answer; `code` is the WebSocket's closing code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message, code)
        self.code = code

    def __str__(self) -> str:
        return printable(self.args[0])


class BadAnswer(PagError):
    """An answer came that is none of this service's: cut short, or another program's."""


class Refused(PagError):
    """The server refused. `problem` holds all members of its RFC 9457 problem, which name the fix."""

    def __init__(self, status: int, problem: dict[str, Any], retry_after: float | None = None) -> None:
        super().__init__(status, problem, retry_after)
        self.status = status
        self.problem = problem
        #: Seconds after which the server expects another attempt to succeed, if it said so.
        self.retry_after = retry_after

    @property
    def type(self) -> str:
        """The problem's type, such as urn:problem-type:unknown-model."""
        return str(self.problem.get("type", "about:blank"))

    @property
    def slug(self) -> str:
        """The last part of the type, such as unknown-model."""
        return self.type.rpartition(":")[2]

    @property
    def title(self) -> str:
        """The kind of problem in a few words."""
        return str(self.problem.get("title", ""))

    @property
    def detail(self) -> str:
        """This problem in words, with its fix."""
        return str(self.problem.get("detail", ""))

    @property
    def request_id(self) -> str | None:
        """The request's id in the server's log."""
        return self.problem.get("request_id")

    def __str__(self) -> str:
        words = ": ".join(part for part in (self.title, self.detail) if part)
        request = f" (request {self.request_id})" if self.request_id else ""
        return printable(
            f"{words or 'The server refused the request'} [{self.status or 'no answer'}]{request}"
        )


class Busy(Refused):
    """The server was full or not ready, and still was after all attempts that the time allowed."""


class DeadlineMissed(Refused):
    """The answer cannot be or was not there in time; `status` is 0 where this client stopped waiting."""


def refusal(status: int, headers: Mapping[str, str], body: bytes, address: str = "") -> Refused:
    """The error for a response with a `status` of 300 or more; names of `headers` are in lower case.

    `address`: the server's, as this client was given it.
    """
    problem = _read_problem(body) or _foreign_problem(status, headers, body)
    path = urlsplit(address).path if address.startswith("http") else ""
    if status == HTTPStatus.NOT_FOUND and path and problem.get("type") != UNKNOWN_MODEL:
        fix = f"The client's address ends in {path}: leave that out, unless a proxy shows the server there."
        problem = {**problem, "detail": f"{problem.get('detail', '')} {fix}".strip()}
    return refusal_of_problem(
        status, problem, read_retry_after(headers.get("retry-after"), datetime.now(UTC))
    )


def refusal_of_problem(status: int, problem: dict[str, Any], retry_after: float | None = None) -> Refused:
    """The error for a problem of the service; `retry_after` in seconds, else the problem's own."""
    if retry_after is None:
        retry_after = _seconds(problem.get("retry_after"))
    error = Refused(status, problem, retry_after)
    if status == HTTPStatus.GATEWAY_TIMEOUT or error.slug == SLUG_OF_HOPELESS_DEADLINE:
        return DeadlineMissed(status, problem, retry_after)
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        return Busy(status, problem, retry_after)
    return error


def read_retry_after(text: str | None, now: datetime) -> float | None:
    """Seconds that the header Retry-After names, as a number or as a date; None if it says nothing."""
    if text is None:
        return None
    if text.strip().isdecimal():
        return min(float(text), MAX_PAUSE_SECONDS)
    try:
        return max(0.0, (parsedate_to_datetime(text) - now).total_seconds())
    except (TypeError, ValueError, LookupError, OverflowError):
        return None


def connection_error(address: str, cause: Exception) -> Unreachable:
    """The error for an attempt that `cause` ended before a response was there."""
    tls = _tls_error(cause)
    if tls is not None:
        error: Unreachable = TlsFailed(f"No TLS with {address}: {_tls_fix(tls)}.")
    else:
        words = str(cause) or type(cause).__name__
        error = Unreachable(f"No answer from {address}: {words}. Is the server running there?")
    error.__cause__ = cause
    return error


def _seconds(value: object) -> float | None:
    """A pause that can be made; None for any other value."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if number and 0 <= value < MAX_PAUSE_SECONDS else None  # type: ignore[arg-type, operator]


def _read_problem(body: bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) and "title" in document else None


def _foreign_problem(status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    if 300 <= status < 400:
        target = headers.get("location", "elsewhere")
        return {"title": "The server moved", "detail": f"It sends requests to {target}: use that address."}
    quoted = " ".join(body[:MAX_QUOTED_BYTES].decode("utf-8", "replace").split())
    media_type = headers.get("content-type", "no type")
    detail = f"A server or proxy that is not pag-parse answered ({media_type}): {quoted or 'nothing'}"
    return {"title": _phrase(status), "detail": detail}


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown status"


def _tls_error(cause: BaseException | None) -> ssl.SSLError | None:
    """The TLS library's own error, below what HTTP libraries make of it; None for a broken handshake."""
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return None if isinstance(cause, BROKEN_HANDSHAKES) else cause
        cause = cause.__cause__ or cause.__context__
    return None


def _tls_fix(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"its certificate is not trusted ({error.verify_message}). Trust its issuer with the client's "
            "verify=ssl.create_default_context(cafile=...), or with SSL_CERT_FILE where trust_env holds"
        )
    reason = (error.reason or str(error)).replace("_", " ").lower()
    return f"perhaps the server speaks none ({reason}): then write http:// instead of https://"
