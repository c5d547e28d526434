"""The whole corpus against a real process: each file answered or refused in form, in bounded memory."""

from __future__ import annotations

import httpx
import pytest

from tests.support.images.damaged import Case, corpus
from tests.support.images.unusual import GOOD
from tests.support.photographs import encoded, picture
from tests.support.servers import Process

pytestmark = pytest.mark.process

MOST_GROWTH = 200 * 2**20
STATUS = {
    "": 200,
    "image-too-large": 413,
    "image-too-small": 422,
    "undecodable-image": 422,
    "unsupported-image": 415,
}


def test_the_corpus_is_answered_in_form_and_in_bounded_memory(server: Process) -> None:
    # What any photograph of a few megapixels costs is no growth by hostility.
    for _ in range(4):
        assert server.client.post("/parse", content=encoded(picture(1200, 1600), "JPEG")).status_code == 200
    before = server.memory("VmRSS")
    for case in corpus():
        check(server.client.post("/parse?size=model", content=case.data), case)
    for good in GOOD:
        answer = server.client.post("/parse?size=model", content=good.data)
        assert answer.status_code == 200, f"{good.name}: {answer.text}"
    assert server.memory("VmHWM") - before < MOST_GROWTH


def check(answer: httpx.Response, case: Case) -> None:
    """The status that fits the case, and a problem that says what to do."""
    assert answer.status_code == STATUS[case.slug], f"{case.name}: {answer.text[:300]}"
    if case.slug:
        assert answer.headers["content-type"] == "application/problem+json", case.name
        problem = answer.json()
        assert problem["type"] == f"urn:problem-type:{case.slug}", case.name
        assert case.words in problem["detail"], case.name
