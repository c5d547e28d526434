"""What the sync and the async stream have in common: all but the network and the waiting."""

from __future__ import annotations

from collections.abc import Sized
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

from websockets.exceptions import ConnectionClosed

from pag.client import questions
from pag.client.connecting import closed
from pag.client.errors import PagError
from pag.client.exchange import Answer, Talk, exchange
from pag.client.messages import Reader
from pag.client.parsing import Frame
from pag.client.progress import Progress
from pag.client.requests import AnswerKind, FrameOptions, checked
from pag.client.settings import Settings

# The server computes one frame while it decodes another.
MOST_UNANSWERED = 2
# One fills the line, the next stands ready behind it; more would only grow old there.
MOST_ON_THE_WAY = 2
# No camera is so fast; what gives more makes its frames when it is asked for them.
SECONDS_PER_FRAME = 0.01
CLOSED_BY_US = "The stream is closed: open another with client.stream(...)."

F = TypeVar("F")
C = TypeVar("C")


@dataclass(frozen=True)
class Wanted:
    """What a stream is asked for."""

    settings: Settings
    answer: AnswerKind
    every_frame: bool
    options: FrameOptions


class BaseStream(Generic[F, C]):
    """A stream of frames from `F`, on a connection of the kind `C`."""

    def __init__(self, frames: F, wanted: Wanted) -> None:
        if isinstance(frames, str | bytes | Path):
            raise TypeError("frames are many images, as a list or a generator gives them; for one use parse")
        self._settings = wanted.settings
        self._frames = frames
        self._answer = wanted.answer
        self._every_frame = wanted.every_frame
        self._options = checked(wanted.options, FrameOptions)
        self._progress = Progress()
        self._reader = Reader()
        self._connection: C | None = None
        self._failure: BaseException | None = None
        self._closing = False

    def __repr__(self) -> str:
        state = "closed" if self._closing else "new" if self._connection is None else "open"
        return f"<{type(self).__name__} {self._settings.address} {state}>"

    def _check_open(self) -> None:
        if self._closing:
            raise PagError(CLOSED_BY_US)

    def _opening(self) -> Talk[Answer]:
        request = questions.opening(self._options, self._answer)
        return exchange(request, self._settings.terms, self._settings.now())

    @property
    def _patience(self) -> float | None:
        """Seconds that a frame waits to be sent before a newer one is asked for; None: for ever."""
        # What is held in memory grows no older there.
        return None if self._every_frame or isinstance(self._frames, Sized) else SECONDS_PER_FRAME

    def _read(self, message: str | bytes) -> Frame | None:
        frame = self._reader.read(message)
        if frame is None:
            return None
        number, dropped = self._progress.answered(frame.number, self._settings.now())
        return replace(frame, number=number, dropped=dropped)

    def _check_time(self) -> None:
        self._progress.check(self._settings.terms.timeout, self._settings.now())

    def _ended(self, error: ConnectionClosed) -> None:
        """The connection is closed: raise if that is not because all is answered."""
        if self._failure is not None:
            raise self._failure
        if self._progress.finished:
            return
        raise PagError(CLOSED_BY_US) if self._closing else closed(error) from error
