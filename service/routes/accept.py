"""Chooses a representation by the Accept header: q-values, wildcards, the server's order at a tie."""

from __future__ import annotations

from collections.abc import Sequence


def choose(accept: str, available: Sequence[str]) -> str | None:
    """Media type of `available` that `accept` likes best; None if it accepts none of them.

    The most specific range that matches a type decides its q (RFC 9110, 12.5.1); at equal q the earlier
    type of `available` is chosen. An empty header accepts all.
    """
    ranges = _parse(accept) or [("*/*", 1.0)]
    liked = [(_quality(kind, ranges), -place) for place, kind in enumerate(available)]
    quality, place = max(liked)
    return available[-place] if quality > 0 else None


def _parse(accept: str) -> list[tuple[str, float]]:
    ranges = []
    for item in accept.split(","):
        kind, *parameters = (part.strip() for part in item.lower().split(";"))
        if kind:
            ranges.append((kind, _q(parameters)))
    return ranges


def _q(parameters: Sequence[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0


def _quality(kind: str, ranges: Sequence[tuple[str, float]]) -> float:
    family = kind.partition("/")[0] + "/*"
    for pattern in (kind, family, "*/*"):
        qualities = [q for accepted, q in ranges if accepted == pattern]
        if qualities:
            return max(qualities)
    return 0.0
