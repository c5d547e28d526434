"""The service: answers an image with dense maps at a compute budget chosen per request."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def _installed() -> str:
    try:
        return version("pag-parse")
    except PackageNotFoundError:  # a checkout that is run and not installed
        return "0+checkout"


VERSION = _installed()
