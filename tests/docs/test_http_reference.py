"""The reference of the routes is that of the service as it is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

REPOSITORY = Path(__file__).parents[2]
PAGE = Path("docs/guide/http.md")


def test_the_reference_is_of_this_service(tmp_path: Path) -> None:
    # A process of its own: the document depends on the settings, and those on the environment.
    made = tmp_path / "http.md"
    command = [sys.executable, "scripts/http_reference.py", str(made)]
    subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, timeout=300)
    former = (REPOSITORY / PAGE).read_text(encoding="utf-8")
    assert made.read_text(encoding="utf-8") == former, f"run: python scripts/http_reference.py {PAGE}"
