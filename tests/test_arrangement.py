"""How tests are arranged: what they share lives in tests/support, and each module of tests stands alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
SHARED = ["tests", "support"]
MODULES = [path for name in ("tests", "benchmarks") for path in sorted((ROOT / name).rglob("*.py"))]


def imported(path: Path) -> Iterator[list[str]]:
    """The parts of each name that a file imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            module = (node.module or "").split(".")
            yield from ([*module, alias.name] for alias in node.names)


def test_what_is_shared_is_in_support() -> None:
    astray = [
        f"{path.relative_to(ROOT)}: {'.'.join(name)}"
        for path in MODULES
        for name in imported(path)
        if name[0] == "tests" and name[:2] != SHARED
    ]
    assert astray == []


def test_files_that_start_first_are_there() -> None:
    (listed,) = [
        node.value
        for node in ast.parse((ROOT / "tests" / "conftest.py").read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id == "LONG"
    ]
    assert [name for name in ast.literal_eval(listed) if not (ROOT / "tests" / name).exists()] == []


def test_support_holds_no_tests() -> None:
    support = [path.stem for path in (ROOT / "tests" / "support").rglob("*.py")]
    assert [name for name in support if name.startswith("test_") or name == "conftest"] == []
