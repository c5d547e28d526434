"""The core of a stream without network and waiting: how it is opened, its messages, its state and its end."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sized
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar
from urllib.parse import urlencode

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.uri import parse_uri

from pag.client.calls import FrameOptions, Representation, checked, stream_request
from pag.client.decode import (
    NPZ,
    PNG,
    ZIP,
    read_files,
    read_json,
    read_milliseconds,
    read_npz,
    read_png,
    read_request_id,
)
from pag.client.errors import BadAnswer, PagError, StreamClosed, refusal_of_problem
from pag.client.exchange import (
    MAX_ANSWER_BYTES,
    REQUEST_ID,
    Attempt,
    Exchange,
    Failure,
    Outcome,
    Response,
    exchange,
)
from pag.client.frame_queue import Progress
from pag.client.results import Frame
from pag.client.settings import USER_AGENT, Settings

# The server computes one frame while it decodes another.
MAX_UNANSWERED = 2
# One fills the connection, the next is ready behind it; more would only grow old there.
MAX_IN_FLIGHT = 2
# Answers that wait for the caller; more of them would only be older.
MAX_UNREAD = 2
# No camera is so fast; what gives more makes its frames on demand.
SECONDS_PER_FRAME = 0.01
CLOSE_SECONDS = 2.0
CLOSED_HERE = "The stream is closed: open another with client.stream(...)."
OTHER_PROCESS = (
    "The stream was opened by the process that forked this one: open another with client.stream(...)."
)
OPENED = Response(101, {}, b"")
BROKEN = 1006
REASONS = {
    1001: "it is stopping",
    BROKEN: "the connection broke",
    1008: "it waited too long for a frame, or for answers to be taken",
    1009: "a frame is larger than it takes; see PAG_MAX_BODY_BYTES",
}

F = TypeVar("F")


class WebSocket(Protocol):
    """What both of the library's connections have."""

    @property
    def protocol(self) -> Any:
        """The protocol's state, whose `uri` is that of the server."""


C = TypeVar("C", bound=WebSocket)


@dataclass(frozen=True)
class StreamRequest:
    """The stream that a caller requests: of which client, in which form, with which options."""

    settings: Settings
    representation: Representation
    every_frame: bool
    options: FrameOptions


class MessageReader:
    """Messages of the server in, frames out."""

    def __init__(self) -> None:
        self._head: dict[str, Any] | None = None
        #: Id of the request that opened the stream, as the server names it; None while it did not say.
        self.request_id: str | None = None

    def read(self, message: str | bytes) -> Frame | None:
        """The frame that this message completes; Refused if it says that options were wrong."""
        if isinstance(message, str):
            return self._text(read_json(message.encode()))
        head, self._head = self._head, None
        if head is None:
            raise BadAnswer("The stream holds an answer without its description.")
        frame = _frame(head, **_content(head, message))
        self._check_request(None if frame.parsing is None else frame.parsing.request_id)
        self._check_request(read_request_id(head.get("meta")))
        return frame

    def _check_request(self, answered: str | None) -> None:
        if answered is not None and self.request_id is not None and answered != self.request_id:
            raise BadAnswer(
                f"The stream holds an answer to the request {answered}; its own is {self.request_id}."
            )

    def _text(self, head: dict[str, Any]) -> Frame | None:
        if self._head is not None:
            raise BadAnswer("The stream holds a description without its answer.")
        problem = head.get("problem")
        if problem is None:
            self._head = head
            return None
        if not isinstance(problem, dict):
            raise BadAnswer("The stream holds a problem that cannot be read.")
        status = problem.get("status")
        self._check_request(read_request_id(problem))
        error = refusal_of_problem(status if isinstance(status, int) else 0, problem)
        if head.get("frame") is None:
            raise error
        return _frame(head, problem=error)


class BaseStream(Generic[F, C]):
    """The state of a stream of frames from an iterable `F`, on a connection of the kind `C`."""

    def __init__(self, frames: F, request: StreamRequest) -> None:
        if isinstance(frames, str | bytes | Path):
            raise TypeError("frames are many images, as a list or a generator gives them; for one use parse")
        self._settings = request.settings
        self._frames = frames
        self._representation = request.representation
        self._every_frame = request.every_frame
        self._options = checked(request.options, FrameOptions)
        self._progress = Progress()
        self._reader = MessageReader()
        self._connection: C | None = None
        self._opened_by: int | None = None
        self._failure: BaseException | None = None
        self._closing = False

    def __repr__(self) -> str:
        state = "closed" if self._closing else "new" if self._connection is None else "open"
        return f"<{type(self).__name__} {self._settings.address} {state}>"

    def _check_open(self) -> None:
        self._check_process()
        if self._closing:
            raise PagError(CLOSED_HERE)

    def _check_process(self) -> None:
        if self._is_inherited:
            raise PagError(OTHER_PROCESS)

    @property
    def _is_inherited(self) -> bool:
        """Whether another process opened the stream, which forked this one: the connection is its own."""
        return self._opened_by not in (None, os.getpid())

    def _established(self, connection: C, headers: Mapping[str, str]) -> None:
        """The stream is open on `connection`; `headers` are those of the server's answer."""
        self._connection, self._opened_by = connection, os.getpid()
        # The library follows redirects, as requests do not: photographs go to no other host.
        here, there = parse_uri(self._settings.address.websocket_url), connection.protocol.uri
        if (here.host, here.port) != (there.host, there.port):
            raise BadAnswer(f"The server sends streams on to {there.host}:{there.port}: use that address.")
        self._reader.request_id = headers.get(REQUEST_ID)

    def _opening(self) -> Exchange[Response]:
        request = stream_request(self._options, self._representation)
        return exchange(request, self._settings.policy, self._settings.now())

    @property
    def _put_seconds(self) -> float | None:
        """Seconds that a frame waits to be sent before a newer one is taken; None: for ever."""
        # Frames in memory grow no older there.
        return None if self._every_frame or isinstance(self._frames, Sized) else SECONDS_PER_FRAME

    def _read(self, message: str | bytes) -> Frame | None:
        frame = self._reader.read(message)
        if frame is None:
            return None
        number, dropped = self._progress.answered(frame.number, self._settings.now())
        return replace(frame, number=number, dropped=dropped)

    def _check_time(self) -> None:
        self._progress.check_time(self._settings.policy.timeout, self._settings.now())

    def _ended(self, error: ConnectionClosed) -> None:
        """The connection is closed: raise, unless all frames are answered."""
        if self._failure is not None:
            raise self._failure
        if self._progress.finished:
            return
        raise PagError(CLOSED_HERE) if self._closing else stream_closed(error) from error


def connect_arguments(settings: Settings, attempt: Attempt) -> tuple[str, dict[str, Any]]:
    """The WebSocket's URL and the other arguments of connecting."""
    address, request = settings.address, attempt.request
    headers = {**settings.headers, **request.headers}
    headers.pop("User-Agent", None)
    options: dict[str, Any] = {
        "additional_headers": headers,
        "user_agent_header": USER_AGENT,
        # Images and maps deflate badly.
        "compression": None,
        "proxy": True if settings.trust_env else None,
        "open_timeout": attempt.seconds,
        "close_timeout": CLOSE_SECONDS,
        "max_size": MAX_ANSWER_BYTES,
        "max_queue": MAX_UNREAD,
    }
    if address.is_secure:
        options["ssl"] = settings.tls_context()
    return f"{address.websocket_url}{request.path}?{urlencode(request.parameters)}", options


def not_opened(error: Exception) -> Outcome:
    """The outcome of an attempt to open a stream that failed; BadAnswer if there is no WebSocket."""
    if isinstance(error, InvalidStatus):
        response = error.response
        if response.status_code < 300:
            raise BadAnswer("There is no WebSocket at this address: is it another program's?") from error
        headers = {name.lower(): value for name, value in response.headers.raw_items()}
        return Response(response.status_code, headers, bytes(response.body or b""))
    return Failure(error, timed_out=isinstance(error, TimeoutError))


def stream_closed(error: ConnectionClosed) -> StreamClosed:
    """The error for a connection that ended with frames still unanswered."""
    if error.rcvd is None and error.sent is not None:
        return StreamClosed(f"The stream was given up: {error.sent.reason}.", error.sent.code)
    code, reason = (BROKEN, "") if error.rcvd is None else (error.rcvd.code, error.rcvd.reason)
    why = REASONS.get(code, reason or "it does not say why")
    return StreamClosed(f"The server ended the stream: {why} (code {code}).", code)


def options_message(options: FrameOptions) -> str:
    """The message that changes options from the next frame on; TypeError or ValueError for wrong ones."""
    return json.dumps(checked(options, FrameOptions))


def _frame(head: dict[str, Any], **content: Any) -> Frame:
    try:
        rate = head.get("frames_per_second")
        return Frame(
            int(head["frame"]), int(head["dropped"]), None if rate is None else float(rate), **content
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise BadAnswer(f"The stream holds a description that cannot be read: {error!r}.") from error


def _content(head: dict[str, Any], body: bytes) -> dict[str, Any]:
    media_type = head.get("media_type")
    if media_type == NPZ:
        parsing = read_npz(body)
        # The description is made after the body, so it knows the time of all stages.
        later = read_milliseconds(head.get("meta", {}))
        return {"parsing": replace(parsing, milliseconds={**parsing.milliseconds, **later})}
    if media_type == ZIP:
        return {"files": read_files(body)}
    if media_type == PNG:
        return {"overlay": read_png(body)}
    raise BadAnswer(f"The stream holds an answer of a kind that was not requested: {media_type}.")
