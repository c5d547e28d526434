"""The version that this installation is of; pyproject.toml is where it is written."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def _installed() -> str:
    try:
        return version("pag-parse")
    except PackageNotFoundError:  # a checkout that is run and not installed
        return "0+checkout"


VERSION = _installed()
