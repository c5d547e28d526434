"""Every kernel level below this machine's best, and the other precision, keep what the best one keeps."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.op_layers import CAP, PRECISION, levels_here
from tests.contract.op_nodes import needs_library

pytestmark = [needs_library, pytest.mark.process, pytest.mark.slow]


FOLDER = Path(__file__).parent
AGREEMENT = [FOLDER / "test_op_native.py", FOLDER / "test_op_blocks.py"]


def run_tests(files: list[Path], **environment: str) -> None:
    """Level and precision are read once per process, so other ones have a process that repeats the tests."""
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *map(str, files)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.skipif(CAP in os.environ, reason="this run is itself capped")
@pytest.mark.parametrize("level", levels_here())
def test_lower_levels_agree(level: str) -> None:
    run_tests(AGREEMENT, **{CAP: level})


@pytest.mark.skipif(os.environ.get(PRECISION) == "bf16", reason="this run is itself in bf16")
def test_bf16_is_as_safe() -> None:
    """In bf16, too, threads change no bit, no shape passes unseen and nothing is left behind."""
    names = ("test_op_threads.py", "test_op_any_shape.py", "test_op_memory.py")
    run_tests([FOLDER / name for name in names], **{PRECISION: "bf16"})
