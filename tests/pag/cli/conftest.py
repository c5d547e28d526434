"""The command as a user runs it: a process of its own, against the real service."""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.service.conftest import GUARD_SECONDS, Serve, _logs, encoded, picture, serve, weights
from tests.service.ops.harness import bare_environment

__all__ = ["_logs", "serve", "weights"]

# Libraries write caches into a home: into none that is anybody's.
HOME = tempfile.mkdtemp()
PHOTO = encoded(picture(64, 96), "JPEG")
Ended = subprocess.CompletedProcess[bytes]
Pag = Callable[..., Ended]


def run_pag(*words: str | Path, stdin: bytes = b"", room: int | None = None, **environment: str) -> Ended:
    """Run `pag` with these words to its end; `room` bytes are the most that any of its files can take."""
    return subprocess.run(
        [sys.executable, "-m", "pag", *map(str, words)],
        env={**bare_environment(), "HOME": HOME, **environment},
        input=stdin,
        capture_output=True,
        timeout=GUARD_SECONDS,
        check=False,
        preexec_fn=room and (lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))),
    )


@pytest.fixture(scope="session")
def url(serve: Serve) -> Iterator[str]:
    """Address of a running service."""
    with serve() as client:
        yield str(client.base_url)


@pytest.fixture(scope="session")
def pag(url: str) -> Pag:
    """The command, asking the running service."""
    return lambda *words, **further: run_pag(*words, PAG_SERVER=url, **further)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A photograph on disk."""
    return write_photo(tmp_path / "in" / "photo.jpg")


def write_photo(path: Path, data: bytes = PHOTO) -> Path:
    """The photograph at `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def files_below(folder: Path) -> list[str]:
    """All files in `folder`, by their places in it."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
