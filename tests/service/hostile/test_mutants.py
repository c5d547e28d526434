"""A few thousand mutants of the corpus; benchmarks/fuzz_decode.py sends millions to a process of its own."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.fuzz_mutations import mutant
from service.errors import ServiceError
from service.imaging.decode import decode, open_header

LIMIT = 1_000_000
SEED = 2026


@pytest.mark.parametrize("start", range(0, 4000, 1000))
def test_a_mutant_is_read_as_its_header_says_or_refused(start: int) -> None:
    for number in range(start, start + 1000):
        data = mutant(SEED, number)
        try:
            header = open_header(data, LIMIT)
            photograph = decode(data, LIMIT)
        except ServiceError as error:
            assert len(error.detail) < 500, f"mutant {number}: {error.detail}"
            continue
        assert photograph.pixels.shape == (header.height, header.width, 3), f"mutant {number}"
        assert photograph.pixels.dtype == np.uint8
