"""How a WebSocket is opened and why one ended, in the words of the client; no network in here."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from websockets.exceptions import ConnectionClosed, InvalidStatus

from pag.client.address import tls_context
from pag.client.errors import BadAnswer, StreamClosed
from pag.client.exchange import Answer, Failure, Try
from pag.client.settings import Settings
from pag.client.version import USER_AGENT

# Answers wait here for the caller; more of them would only be older.
MOST_WAITING = 2
MOST_ANSWER_BYTES = 2**30
CLOSE_SECONDS = 2.0
OPENED = Answer(101, {}, b"")
BROKEN = 1006
REASONS = {
    1001: "it is stopping",
    BROKEN: "the connection broke",
    1008: "it waited too long for a frame, or for answers to be taken",
    1009: "a frame is larger than it takes; see PAG_MAX_BODY_BYTES",
}


def connect_arguments(settings: Settings, step: Try) -> tuple[str, dict[str, Any]]:
    """The WebSocket's URL and the other arguments of connecting."""
    address, request = settings.address, step.request
    named = {name: value for name, value in settings.headers.items() if name != "User-Agent"}
    options: dict[str, Any] = {
        "additional_headers": named,
        "user_agent_header": USER_AGENT,
        # Pictures and maps deflate badly.
        "compression": None,
        "proxy": True if settings.trust_env else None,
        "open_timeout": step.seconds,
        "close_timeout": CLOSE_SECONDS,
        "max_size": MOST_ANSWER_BYTES,
        "max_queue": MOST_WAITING,
    }
    if address.is_secure:
        options["ssl"] = tls_context(settings.verify)
    return f"{address.websocket_url}{request.path}?{urlencode(request.parameters)}", options


def not_opened(error: Exception) -> Answer | Failure:
    """The reply to an opening that did not succeed."""
    if isinstance(error, InvalidStatus):
        response = error.response
        if response.status_code < 300:
            raise BadAnswer("There is no WebSocket at this address: is it another program's?") from error
        headers = {name.lower(): value for name, value in response.headers.raw_items()}
        return Answer(response.status_code, headers, bytes(response.body or b""))
    return Failure(error, timed_out=isinstance(error, TimeoutError))


def closed(error: ConnectionClosed) -> StreamClosed:
    """The error for a connection that ended while frames were to be answered."""
    if error.rcvd is None and error.sent is not None:
        return StreamClosed(f"The stream was given up: {error.sent.reason}.", error.sent.code)
    code, said = (BROKEN, "") if error.rcvd is None else (error.rcvd.code, error.rcvd.reason)
    why = REASONS.get(code, said or "it does not say why")
    return StreamClosed(f"The server ended the stream: {why} (code {code}).", code)
