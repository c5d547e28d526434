"""The record of each request, and its form between processes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

Outcome = Literal["answered", "timeout", "closed", "unreadable", "unreachable"]


@dataclass
class Record:
    """One request; times in seconds on the generator's clock, 0 where the event never came.

    Attributes:
        query: which of the plan's queries was sent.
        scheduled: when it should have been sent; latency counts from here.
        status: of the answer, 0 without one.
        outcome: "timeout" if the client's patience ended, "closed" if the server ended the connection.
        used: budget used, as the answer says.
        reason: why that budget, as the answer says.
        length: bytes of the answer's body.
    """

    query: int
    scheduled: float
    sent: float = 0.0
    first_byte: float = 0.0
    done: float = 0.0
    status: int = 0
    outcome: Outcome = "timeout"
    used: float | None = None
    scale: float | None = None
    reason: str = ""
    retry_after: float | None = None
    length: int = 0

    @property
    def latency(self) -> float:
        """Seconds from the scheduled time to the end, whatever the end was."""
        return self.done - self.scheduled

    @property
    def lateness(self) -> float:
        """Seconds by which the generator sent it too late."""
        return self.sent - self.scheduled


NAMES = tuple(entry.name for entry in fields(Record))


def to_columns(records: Sequence[Record]) -> dict[str, list[Any]]:
    """One list a field."""
    rows = [asdict(record) for record in records]
    return {name: [row[name] for row in rows] for name in NAMES}


def from_columns(columns: dict[str, list[Any]]) -> list[Record]:
    """The inverse of `to_columns`."""
    return [
        Record(**dict(zip(NAMES, row, strict=True))) for row in zip(*(columns[n] for n in NAMES), strict=True)
    ]
