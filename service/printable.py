"""Text of clients, models and file names, made fit for a terminal."""

from __future__ import annotations


def printable(text: object) -> str:
    r"""`str(text)` on one line, with each character that is not printable as an escape such as \x1b."""
    return "".join(each if each.isprintable() else _escaped(each) for each in str(text))


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
