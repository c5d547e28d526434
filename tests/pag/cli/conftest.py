"""The command `pag` against a real service: in this process, or in one of its own where that is the point."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.support.command_line import Pag, run_pag, write_photo


@pytest.fixture(scope="session")
def url(default_server: httpx.Client) -> str:
    """Address of a running service."""
    return str(default_server.base_url)


@pytest.fixture(scope="session")
def pag(url: str) -> Pag:
    """The command in this process, asking the running service."""
    return lambda *words, **further: run_pag(*words, PAG_SERVER=url, **further)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A photograph on disk."""
    return write_photo(tmp_path / "in" / "photo.jpg")
