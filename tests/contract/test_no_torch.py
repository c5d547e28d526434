"""The service starts and answers where neither torch nor onnx nor model_export can be imported."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.process

FORBIDDEN = ("torch", "onnx", "model_export")

PRELUDE = f"""
import importlib, importlib.abc, pkgutil, sys

class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {FORBIDDEN!r}:
            raise ImportError(f"{{name}} must not be imported by the service")

sys.meta_path.insert(0, Refuse())
"""

IMPORT_EVERYTHING = """
import service
for module in pkgutil.walk_packages(service.__path__, "service."):
    importlib.import_module(module.name)
    print(module.name)
"""


def run_isolated(code: str) -> subprocess.CompletedProcess[str]:
    """Runs `code` in a new interpreter in which the forbidden packages cannot be imported."""
    return subprocess.run([sys.executable, "-c", PRELUDE + code], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("package", FORBIDDEN)
def test_the_barrier_holds(package: str) -> None:
    finished = run_isolated(f"import {package}")
    assert finished.returncode != 0
    assert "must not be imported by the service" in finished.stderr


def test_every_module_of_the_service_imports_without_them() -> None:
    finished = run_isolated(IMPORT_EVERYTHING)
    assert finished.returncode == 0, finished.stderr
    assert "service.settings" in finished.stdout.split()
