"""How a command ends: one table of exit codes, and which error means which."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pag.client import PagError, Refused

DONE, SOME_FAILED, USAGE, NO_SERVER, REFUSED, OVERLOAD = range(6)
# As shells number the ends by SIGINT, SIGPIPE and SIGTERM.
INTERRUPTED, PIPE_CLOSED, TERMINATED = 130, 141, 143

MEANINGS = {
    DONE: "all done",
    SOME_FAILED: "some inputs failed, the others are written; doctor: a check failed",
    USAGE: "wrong usage; serve: it cannot start",
    NO_SERVER: "the server cannot be reached, is not ready, or cannot start in this process",
    REFUSED: "refused as a whole: the key, an unknown model or map, a value",
    OVERLOAD: "whatever failed missed its deadline or found no room, after all tries",
    INTERRUPTED: "interrupted; finished files stay",
    PIPE_CLOSED: "whoever read standard output closed it",
    TERMINATED: "ended by SIGTERM; finished files stay",
}
TABLE = "\n".join(f"  {code:>3}  {meaning}" for code, meaning in MEANINGS.items())
# \b: as it stands, not as one paragraph.
HELP = f"\b\nExit codes:\n{TABLE}"

# Problems of the request whatever the photograph: all further ones would end the same way.
OF_ALL = {"unknown-model", "unknown-task", "invalid-parameter", "not-acceptable", "unauthorized"}
OF_ALL_STATUSES = {401, 403, 404, 405, 406}

LATER = "raise --deadline-ms, lower --min-budget or --jobs, or add --size model"
FIXES = {
    "unsupported-image": "convert it to JPEG or PNG",
    "image-too-large": "make it smaller, or raise PAG_MAX_PIXELS of the server",
    "body-too-large": "or raise PAG_MAX_BODY_BYTES of the server",
    "image-too-small": "enlarge it, or leave it out",
    "unknown-model": "pag models lists those there are",
    "unknown-task": "pag models lists those there are",
    "overloaded": "lower --jobs, or try again later",
}
# Where the server's words are for whoever writes requests: these are for whoever types options.
IN_CLI_WORDS = {
    "empty-body": "the file is empty: copy it anew",
    "unauthorized": "the server wants an API key: give --key or PAG_KEY",
    "wrong-key": "this API key is none of the server's: give another --key or PAG_KEY",
    "deadline-unreachable": f"no answer can be there within --deadline-ms: {LATER}",
    "deadline-exceeded": f"the deadline passed before the answer was made: {LATER}",
    "client-deadline": f"the deadline passed before the answer was here: {LATER}",
}
NOT_THERE = "no pag-parse answers at this address: is there a path too much in it, or another program?"


class Stop(Exception):
    """Ends the command: one message and an exit code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def code_of(error: PagError) -> int:
    """Exit code that a failure would lead to if it were the only one."""
    from pag.client import BadAnswer, Busy, DeadlineMissed, Refused, TimedOut  # noqa: PLC0415 - quick --help

    if isinstance(error, (DeadlineMissed, TimedOut)):
        return OVERLOAD
    if isinstance(error, Busy):
        return NO_SERVER if error.slug == "not-ready" else OVERLOAD
    if isinstance(error, Refused):
        return REFUSED if _is_of_all(error) else SOME_FAILED
    if isinstance(error, BadAnswer):
        return SOME_FAILED
    return NO_SERVER


def code_of_all(codes: set[int]) -> int:
    """Exit code of a command whose inputs ended with `codes`."""
    failures = codes - {DONE}
    return DONE if not failures else OVERLOAD if failures == {OVERLOAD} else SOME_FAILED


def concerns_all(error: PagError) -> bool:
    """Whether every further input would fail in the same way."""
    return code_of(error) in (NO_SERVER, REFUSED)


def told(error: Exception, key: str | None = None) -> str:
    """The failure in words, with its fix; `key` is the one that was given."""
    from pag.client import Refused, Unreachable  # noqa: PLC0415 - quick --help

    if isinstance(error, Refused):
        return _refused(error, _meaning(error, key))
    if type(error) is Unreachable:
        return f"{error} Start one with 'pag serve', or leave --server out."
    return str(error) or type(error).__name__


def _refused(error: Refused, meaning: str) -> str:
    request = f" (request {error.request_id})" if error.request_id else ""
    if meaning in IN_CLI_WORDS:
        return IN_CLI_WORDS[meaning] + request
    if error.status == HTTPStatus.NOT_FOUND and meaning not in FIXES:
        return NOT_THERE + request
    return f"{error}; {FIXES[meaning]}" if meaning in FIXES else str(error)


def _meaning(error: Refused, key: str | None) -> str:
    from pag.client import DeadlineMissed  # noqa: PLC0415 - quick --help

    if error.status == HTTPStatus.UNAUTHORIZED:
        return "wrong-key" if key else "unauthorized"
    return "client-deadline" if isinstance(error, DeadlineMissed) and not error.status else error.slug


def _is_of_all(error: Refused) -> bool:
    return error.slug in OF_ALL or error.status in OF_ALL_STATUSES
