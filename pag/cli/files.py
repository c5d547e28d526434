"""Files that are whole or not there at all."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_unfinished: set[Path] = set()
_lock = threading.Lock()


@contextmanager
def whole(path: Path, suffix: str = ".part") -> Iterator[Path]:
    """A path beside `path` to write to, renamed to it at the end; removed if that fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # The thread is part of the name: two of them never write to the same file.
    temporary = path.with_name(f".{path.name[:80]}.{os.getpid()}-{threading.get_ident():x}{suffix}")
    with _lock:
        _unfinished.add(temporary)
    try:
        yield temporary
        temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        with _lock:
            _unfinished.discard(temporary)


def write_whole(path: Path, data: bytes) -> None:
    """Write `data` to `path`, whole or not at all."""
    with whole(path) as temporary:
        temporary.write_bytes(data)


def remove_unfinished() -> None:
    """Remove what other threads were writing; the process ends next."""
    for path in tuple(_unfinished):
        with suppress(OSError):
            path.unlink(missing_ok=True)
