"""What can go wrong, as one family: catch PagError for all of it."""

from __future__ import annotations

from typing import Any


class PagError(Exception):
    """Base of all errors that a client raises; wrong arguments are ValueError, TypeError or OSError."""


class Unreachable(PagError):
    """No answer came: no connection, or it broke and further tries did no better."""


class TimedOut(Unreachable):
    """The client's `timeout` passed before the answer was there."""


class TlsFailed(Unreachable):
    """No TLS was agreed on: the server speaks none, or its certificate is not trusted; not tried again."""


class StreamClosed(Unreachable):
    """The server ended a stream that still had frames to answer; `code` is the WebSocket's closing code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message, code)
        self.code = code

    def __str__(self) -> str:
        return str(self.args[0])


class BadAnswer(PagError):
    """An answer came that is none of this service's: cut short, or another program's."""


class Refused(PagError):
    """The server said no. `problem` holds all members of its RFC 9457 problem, which name the fix."""

    def __init__(self, status: int, problem: dict[str, Any], retry_after: float | None = None) -> None:
        super().__init__(status, problem, retry_after)
        self.status = status
        self.problem = problem
        #: Seconds after which the server expects another try to succeed, if it said so.
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
        """Under which the server's log names the request."""
        return self.problem.get("request_id")

    def __str__(self) -> str:
        said = ": ".join(part for part in (self.title, self.detail) if part)
        request = f" (request {self.request_id})" if self.request_id else ""
        return f"{said or 'The server refused the request'} [{self.status or 'no answer'}]{request}"


class Busy(Refused):
    """The server had no room or was not ready, and had none after all tries that the time allowed."""


class DeadlineMissed(Refused):
    """The answer cannot be or was not there in time; `status` is 0 where this client stopped waiting."""
