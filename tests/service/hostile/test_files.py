"""Hostile and broken files: refused with a word on what to do, or read; never a surprise, never costly."""

from __future__ import annotations

import time

import pytest

from service.errors import ServiceError
from service.imaging.decode import decode, open_header
from tests.support.images.damaged import Case, corpus

LIMIT = 32_000_000
# Generous: a healthy run takes milliseconds, a bomb that goes off takes minutes.
GUARD_SECONDS = 10


@pytest.mark.parametrize("case", corpus(), ids=lambda case: case.name)
def test_a_file_is_refused_or_read_at_little_cost(case: Case) -> None:
    started = time.monotonic()
    slug, detail = _outcome(case.data)
    assert time.monotonic() - started < GUARD_SECONDS
    assert (slug, case.words in detail) == (case.slug, True), f"{slug}: {detail}"


def _outcome(data: bytes) -> tuple[str, str]:
    try:
        header = open_header(data, LIMIT)
        photograph = decode(data, LIMIT)
    except ServiceError as error:
        return error.slug, error.detail
    assert (header.height, header.width) == (photograph.height, photograph.width)
    assert photograph.pixels.shape == (header.height, header.width, 3)
    return "", ""
