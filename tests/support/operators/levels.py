"""Tests of the operators repeated with other kernels."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def run_tests(files: list[Path], *options: str, **environment: str) -> None:
    """Level and precision are read once per process, so other ones have a process that repeats the tests."""
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, *map(str, files)],
        env=os.environ | {"HYPOTHESIS_PROFILE": "again"} | environment,
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
