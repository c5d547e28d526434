"""When to try again, and after how long: no clock, no chance, no network in here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

from pag.client.errors import DeadlineMissed, PagError, Refused, TimedOut, TlsFailed, Unreachable

# 502 is how a proxy says that it could not connect.
WORTH_ANOTHER_TRY = {429, 502, 503}


@dataclass(frozen=True)
class Retries:
    """At most `most` further tries; pauses double from `first_seconds` to `longest_seconds`."""

    most: int = 3
    first_seconds: float = 0.1
    longest_seconds: float = 5.0

    def pause(self, failed: int, error: PagError, left: float, chance: float) -> float | None:
        """Seconds to wait after the `failed`-th failure in a row, or None to give up.

        `left` seconds there are in all; `chance` in [0, 1) spreads clients that failed
        together. A Retry-After is a least wait: up to half of the usual pause is added to it. Without one
        the wait is between half of the usual pause and all of it.
        """
        if failed > self.most or not is_worth_another_try(error):
            return None
        usual = min(self.first_seconds * 2.0 ** min(failed - 1, 32), self.longest_seconds)
        asked = error.retry_after if isinstance(error, Refused) else None
        seconds = (usual / 2 if asked is None else asked) + chance * usual / 2
        return seconds if seconds < left else None


def is_worth_another_try(error: PagError) -> bool:
    """Whether the same request may succeed later."""
    if isinstance(error, DeadlineMissed):
        return False
    if isinstance(error, Refused):
        return error.status in WORTH_ANOTHER_TRY
    return isinstance(error, Unreachable) and not isinstance(error, TimedOut | TlsFailed)


def read_retry_after(text: str | None, now: datetime) -> float | None:
    """Seconds that the header Retry-After asks for, as a number or as a date; None if it says nothing."""
    if text is None:
        return None
    if text.strip().isdecimal():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - now).total_seconds())
    except (TypeError, ValueError):
        return None
