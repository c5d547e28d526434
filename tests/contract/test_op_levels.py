"""Every kernel level below this machine's best, and the other precision, keep what the best one keeps."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.operators.layers import CAP, PRECISION, levels_here
from tests.support.operators.levels import run_tests
from tests.support.operators.nodes import needs_library

pytestmark = [needs_library, pytest.mark.process, pytest.mark.slow]


FOLDER = Path(__file__).parent
AGREEMENT = [FOLDER / "test_op_native.py", FOLDER / "test_op_blocks.py"]


@pytest.mark.skipif(CAP in os.environ, reason="this run is itself capped")
@pytest.mark.parametrize("level", levels_here())
def test_lower_levels_agree(level: str) -> None:
    run_tests(AGREEMENT, **{CAP: level})


@pytest.mark.skipif(os.environ.get(PRECISION) == "bf16", reason="this run is itself in bf16")
def test_bf16_is_as_safe() -> None:
    """In bf16, too, threads change no bit, no shape passes unseen and nothing is left behind."""
    names = ("test_op_threads.py", "test_op_any_shape.py", "test_op_memory.py")
    # Labels are no products: they know no precision.
    run_tests([FOLDER / name for name in names], "-k", "not labels", **{PRECISION: "bf16"})
