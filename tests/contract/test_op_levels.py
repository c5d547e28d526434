"""Every kernel level below this machine's best agrees with the reference too."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.op_layers import CAP, levels_here
from tests.contract.op_nodes import needs_library

pytestmark = needs_library


@pytest.mark.skipif(CAP in os.environ, reason="this run is itself capped")
@pytest.mark.parametrize("level", levels_here())
def test_lower_levels_agree(level: str) -> None:
    """The cap is read once per process, so each level has a process that repeats those tests."""
    file = Path(__file__).with_name("test_op_native.py")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(file)]
    run = subprocess.run(
        command, env=os.environ | {CAP: level}, capture_output=True, text=True, timeout=300, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
