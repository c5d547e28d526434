"""Counts of how the soak's requests ended, by sender."""

from __future__ import annotations

from collections import Counter

NO_FAILURES = frozenset({503, 504})
WELL_FORMED = frozenset({"normal", "burst"})
THEIR_ANSWERS = frozenset({200, 429, 503, 504})
MUST_BE_ANSWERED = WELL_FORMED | {"garbage"}


class Tally:
    """Counts ends: a status, or "timeout", "closed", "unreachable", "unreadable", "left"."""

    def __init__(self) -> None:
        self.ends: Counter[tuple[str, int | str]] = Counter()

    def add(self, actor: str, end: int | str) -> None:
        """One request of `actor` ended so."""
        self.ends[actor, end] += 1

    def failures(self) -> int:
        """Answers with a status of 500 or more that is neither 503 nor 504."""
        return self._sum(lambda _, end: isinstance(end, int) and end >= 500 and end not in NO_FAILURES)

    def unanswered(self) -> int:
        """Requests, sent whole and waited for, that got no answer."""
        return self._sum(lambda actor, end: actor in MUST_BE_ANSWERED and isinstance(end, str))

    def surprising(self) -> int:
        """Well-formed requests that were answered, but as if they were not well-formed."""
        return self._sum(
            lambda actor, end: actor in WELL_FORMED and isinstance(end, int) and end not in THEIR_ANSWERS
        )

    def to_json(self) -> dict[str, dict[str, int]]:
        """Actor -> end -> how many."""
        rows: dict[str, dict[str, int]] = {}
        for (actor, end), count in sorted(self.ends.items(), key=str):
            rows.setdefault(actor, {})[str(end)] = count
        return rows

    def _sum(self, chosen: object) -> int:
        assert callable(chosen)
        return sum(count for (actor, end), count in self.ends.items() if chosen(actor, end))
