"""Exit codes: their table, which error leads to which, and the message of each error for a command line."""

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
    OVERLOAD: "whatever failed missed its deadline or met a full queue, after all tries",
    INTERRUPTED: "interrupted; finished files stay",
    PIPE_CLOSED: "whoever read standard output closed it",
    TERMINATED: "ended by SIGTERM; finished files stay",
}
TABLE = "\n".join(f"  {code:>3}  {meaning}" for code, meaning in MEANINGS.items())
# \b: as it stands, not as one paragraph.
HELP = f"\b\nExit codes:\n{TABLE}"

# Problems of the request whatever the photograph: all further ones would end the same way.
PROBLEMS_OF_THE_REQUEST = {
    "unknown-model",
    "unknown-map",
    "no-default-model",
    "invalid-parameter",
    "not-acceptable",
    "unauthorized",
}
STATUSES_OF_THE_REQUEST = {401, 403, 404, 405, 406}

NO_DEFAULT = (
    "several models are loaded, and none answers by default: choose one with --model NAME, "
    "or with PAG_MODEL=NAME where the service starts"
)
MORE_TIME = "raise --deadline-ms, lower --min-budget or --jobs, or add --size model"
FIXES = {
    "unsupported-image": "convert it to JPEG or PNG",
    "image-too-large": "make it smaller, or raise PAG_MAX_PIXELS of the server",
    "body-too-large": "or raise PAG_MAX_BODY_BYTES of the server",
    "image-too-small": "enlarge it, or leave it out",
    "unknown-model": "pag models lists those there are",
    "unknown-map": "pag models lists those there are",
    "no-default-model": "with pag: --model NAME",
    "overloaded": "lower --jobs, or try again later",
}
# In place of the server's messages, which name parameters of requests: these name options.
CLI_MESSAGES = {
    "empty-body": "the file is empty: copy it anew",
    "unauthorized": "the server wants an API key: give --key or PAG_KEY",
    "wrong-key": "this API key is none of the server's: give another --key or PAG_KEY",
    "deadline-unreachable": f"no answer can be there within --deadline-ms: {MORE_TIME}",
    "deadline-exceeded": f"the deadline passed before the answer was made: {MORE_TIME}",
    "client-deadline": f"the deadline passed before the answer was here: {MORE_TIME}",
}
WRONG_ADDRESS = "no pag-parse answers at this address: is there a path too much in it, or another program?"


class Stop(Exception):
    """Ends the command: one message and an exit code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def code_of(error: PagError) -> int:
    """Exit code of a command whose only failure is `error`."""
    from pag.client import BadAnswer, Busy, DeadlineMissed, Refused, TimedOut  # noqa: PLC0415 - quick --help

    if isinstance(error, (DeadlineMissed, TimedOut)):
        return OVERLOAD
    if isinstance(error, Busy):
        return NO_SERVER if error.slug == "not-ready" else OVERLOAD
    if isinstance(error, Refused):
        return REFUSED if _is_of_the_request(error) else SOME_FAILED
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


def message_of(error: Exception, key: str | None = None) -> str:
    """The error's message with its fix; `key` is the API key that was given."""
    from pag.client import Refused, Unreachable  # noqa: PLC0415 - quick --help

    if isinstance(error, Refused):
        return _refused(error, _slug_of(error, key))
    if type(error) is Unreachable:
        return f"{error} Start one with 'pag serve', or leave --server out."
    return str(error) or type(error).__name__


def _refused(error: Refused, slug: str) -> str:
    request = f" (request {error.request_id})" if error.request_id else ""
    if slug in CLI_MESSAGES:
        return CLI_MESSAGES[slug] + request
    if error.status == HTTPStatus.NOT_FOUND and slug not in FIXES:
        return WRONG_ADDRESS + request
    return f"{error}; {FIXES[slug]}" if slug in FIXES else str(error)


def _slug_of(error: Refused, key: str | None) -> str:
    from pag.client import DeadlineMissed  # noqa: PLC0415 - quick --help

    if error.status == HTTPStatus.UNAUTHORIZED:
        return "wrong-key" if key else "unauthorized"
    return "client-deadline" if isinstance(error, DeadlineMissed) and not error.status else error.slug


def _is_of_the_request(error: Refused) -> bool:
    return error.slug in PROBLEMS_OF_THE_REQUEST or error.status in STATUSES_OF_THE_REQUEST
