"""The version that this client is of, as it tells servers."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def _installed() -> str:
    try:
        return version("pag-parse")
    except PackageNotFoundError:  # a checkout that is run and not installed
        return "0+checkout"


VERSION = _installed()
USER_AGENT = f"pag-client/{VERSION}"
