"""Messages of a stream: the server's into frames, ours into text."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from pag.client.answers import read_files, read_json, read_npz, read_png
from pag.client.errors import BadAnswer
from pag.client.parsing import Frame
from pag.client.refusals import from_problem
from pag.client.requests import NPZ, PNG, ZIP, FrameOptions, checked


class Reader:
    """Messages of the server in, frames out."""

    def __init__(self) -> None:
        self._head: dict[str, Any] | None = None

    def read(self, message: str | bytes) -> Frame | None:
        """The frame that this message completes; Refused if it says that options were wrong."""
        if isinstance(message, str):
            return self._text(read_json(message.encode()))
        head, self._head = self._head, None
        if head is None:
            raise BadAnswer("The stream holds an answer without its description.")
        return _frame(head, **_content(head, message))

    def _text(self, head: dict[str, Any]) -> Frame | None:
        if self._head is not None:
            raise BadAnswer("The stream holds a description without its answer.")
        problem = head.get("problem")
        if problem is None:
            self._head = head
            return None
        if not isinstance(problem, dict):
            raise BadAnswer("The stream holds a problem that cannot be read.")
        error = from_problem(problem.get("status", 0), problem)
        if head.get("frame") is None:
            raise error
        return _frame(head, problem=error)


def changes(options: FrameOptions) -> str:
    """The message that changes options from the next frame on."""
    return json.dumps(checked(options, FrameOptions))


def _frame(head: dict[str, Any], **content: Any) -> Frame:
    try:
        return Frame(int(head["frame"]), int(head["dropped"]), head.get("frames_per_second"), **content)
    except (KeyError, TypeError, ValueError) as error:
        raise BadAnswer(f"The stream holds a description that cannot be read: {error!r}.") from error


def _content(head: dict[str, Any], body: bytes) -> dict[str, Any]:
    kind = head.get("media_type")
    if kind == NPZ:
        parsing = read_npz(body)
        # The description is made after the body, so it knows the time of all stages.
        later = head.get("meta", {}).get("milliseconds", {})
        return {"parsing": replace(parsing, milliseconds={**parsing.milliseconds, **later})}
    if kind == ZIP:
        return {"files": read_files(body)}
    if kind == PNG:
        return {"overlay": read_png(body)}
    raise BadAnswer(f"The stream holds an answer of a kind that was not asked for: {kind}.")
