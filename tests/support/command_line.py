"""The command `pag`: in this process, or in one of its own where that is the point."""

from __future__ import annotations

import io
import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

from pag.cli import app
from tests.support.photographs import encoded, picture
from tests.support.servers import GUARD_SECONDS, bare_environment

# Libraries write caches into a home: into none that is anybody's.
HOME = tempfile.mkdtemp()
PHOTO = encoded(picture(64, 96), "JPEG")
Ended = subprocess.CompletedProcess[bytes]
Pag = Callable[..., Ended]


def run_pag(*words: str | Path, stdin: bytes = b"", **environment: str) -> Ended:
    """Run `pag` with these words in this process, to its end."""
    streams = {"stdin": _stream(stdin), "stdout": _stream(), "stderr": _stream()}
    handlers = {number: signal.getsignal(number) for number in app.SIGNALS}
    ours = {**bare_environment(), "HOME": HOME, **environment}
    try:
        with patch.dict(os.environ, ours, clear=True), patch.multiple(sys, **streams):
            code = app.run([*map(str, words)])
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    return subprocess.CompletedProcess(words, code, *map(_written, [streams["stdout"], streams["stderr"]]))


def start_pag(*words: str | Path, file_bytes: int | None = None, **environment: str) -> Ended:
    """Run `pag` in a process of its own to its end; no file may take more than `file_bytes`."""
    return subprocess.run(
        [sys.executable, "-m", "pag", *map(str, words)],
        env={**bare_environment(), "HOME": HOME, **environment},
        capture_output=True,
        timeout=GUARD_SECONDS,
        check=False,
        preexec_fn=file_bytes
        and (lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))),
    )


def _stream(data: bytes = b"") -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", write_through=True)


def _written(stream: io.TextIOWrapper) -> bytes:
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue()


def write_photo(path: Path, data: bytes = PHOTO) -> Path:
    """The photograph at `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def files_below(folder: Path) -> list[str]:
    """All files in `folder`, by their places in it."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
