"""Frames before they are sent: the newest waits, in the place of one that waited; no threads in here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

F = TypeVar("F")


@dataclass(frozen=True)
class Given(Generic[F]):
    """A frame, and how many were given before it."""

    number: int
    frame: F


class Outbox(Generic[F]):
    """Numbers the frames that are given, and holds the newest until it is taken."""

    def __init__(self) -> None:
        self._given = 0
        self._newest: Given[F] | None = None
        self._ended = False
        self._failure: BaseException | None = None

    @property
    def empty(self) -> bool:
        """Whether the newest frame was taken."""
        return self._newest is None

    @property
    def due(self) -> bool:
        """Whether there is something to take: a frame, or that none will come."""
        return self._ended or self._newest is not None

    def put(self, frame: F) -> None:
        """One more frame."""
        if not self._ended:
            self._newest = Given(self._given, frame)
        self._given += 1

    def end(self) -> None:
        """No frame follows; one that waits may still be taken."""
        self._ended = True

    def give_up(self, failure: BaseException | None = None) -> None:
        """Nothing is taken from now on; `failure` is raised to who tries."""
        self._ended, self._newest = True, None
        self._failure = self._failure or failure

    def take(self) -> Given[F] | None:
        """The newest frame; None if there is none."""
        if self._failure is not None:
            raise self._failure
        taken, self._newest = self._newest, None
        return taken
