"""A finding: the result of one check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

OK: Literal["ok"] = "ok"
WARN: Literal["warn"] = "warn"
FAIL: Literal["fail"] = "fail"


@dataclass(frozen=True)
class Finding:
    """One line of the doctor; whatever is not ok names its fix."""

    name: str
    status: Literal["ok", "warn", "fail"]
    detail: str
    fix: str = ""
