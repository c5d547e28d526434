"""Problems of the service: application/problem+json as every route answers it."""

from __future__ import annotations

from typing import Any

import httpx


def assert_problem(answer: httpx.Response, status: int, slug: str, words: str = "") -> dict[str, Any]:
    """The answer is the problem `slug` whose detail contains `words`; gives its document."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert (body["type"], body["status"]) == (f"urn:problem-type:{slug}", status)
    assert body["request_id"] == answer.headers["x-request-id"]
    assert words in body["detail"]
    return body
