"""benchmarks/README.md names each kept result with its command, and nothing that is not there."""

from __future__ import annotations

import re
from pathlib import Path

from benchmarks.common import RESULTS

README = Path(__file__).parents[2] / "benchmarks" / "README.md"


def test_every_result_is_named_and_every_named_one_is_there() -> None:
    named = set(re.findall(r"\]\(results/([^/)]+\.(?:json|png))\)", README.read_text(encoding="utf-8")))
    assert named == {path.name for path in RESULTS.iterdir() if path.is_file()}
