"""The text messages of a stream: each is one JSON object."""

from __future__ import annotations

import json
from typing import Any

MAX_CHARACTERS = 4096
# There are nine; each that is unknown costs time.
MAX_OPTIONS = 16

NO_OBJECT = "A text message must be a JSON object of options."


class InvalidMessage(ValueError):
    """A text message that is no JSON object, or one far longer than all options together."""

    def __init__(self, detail: str, *, too_long: bool = False) -> None:
        super().__init__(detail)
        self.too_long = too_long


def options_in(text: str) -> dict[str, Any]:
    """The options that a client's message changes; InvalidMessage if it is none."""
    if len(text) > MAX_CHARACTERS:
        raise InvalidMessage(f"Options take {MAX_CHARACTERS} characters at most.", too_long=True)
    try:
        options = json.loads(text, object_pairs_hook=_members)
    except InvalidMessage:
        raise
    except (ValueError, RecursionError) as error:
        raise InvalidMessage(NO_OBJECT) from error
    if not isinstance(options, dict):
        raise InvalidMessage(NO_OBJECT)
    if len(options) > MAX_OPTIONS:
        raise InvalidMessage(f"{NO_OBJECT[:-1]}, {MAX_OPTIONS} at most.")
    return options


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of these members; InvalidMessage for a name that stands twice: which one counts?"""
    members = dict(pairs)
    if len(members) < len(pairs):
        raise InvalidMessage(f"{NO_OBJECT[:-1]}, each named once.")
    return members


def answered(
    number: int, dropped: int, frames_per_second: float | None, media_type: str, meta: dict[str, Any]
) -> str:
    """Announces the binary message that follows: the answer to frame `number`."""
    rate = None if frames_per_second is None else round(frames_per_second, 2)
    return _dump(
        {
            "frame": number,
            "dropped": dropped,
            "frames_per_second": rate,
            "media_type": media_type,
            "meta": meta,
        }
    )


def failed(number: int, dropped: int, problem: dict[str, Any]) -> str:
    """Says why frame `number` has no answer."""
    return _dump({"frame": number, "dropped": dropped, "problem": problem})


def options_refused(problem: dict[str, Any]) -> str:
    """Says why the options stay as they were."""
    return _dump({"frame": None, "problem": problem})


def _dump(message: dict[str, Any]) -> str:
    return json.dumps(message, allow_nan=False, separators=(",", ":"))
