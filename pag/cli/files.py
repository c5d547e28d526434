"""Files that are whole or not there at all."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from pathlib import Path

_unfinished: set[Path] = set()
# A signal's handler may take it while the thread that it came to holds it.
_lock = threading.RLock()
_ended = threading.Event()
_numbers = count()


@contextmanager
def whole(path: Path, suffix: str = ".part") -> Iterator[Path]:
    """A path beside `path` to write to, renamed to it at the end; removed if that fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name[:40]}.{os.getpid()}-{next(_numbers)}{suffix}")
    try:
        _begin(temporary)
        yield temporary
        temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        with _lock:
            _unfinished.discard(temporary)


def write_whole(files: Mapping[Path, bytes]) -> None:
    """Write all these files or none; they appear in their order, once all of them are written."""
    with ExitStack() as stack:
        # The stack renames the last one first.
        for path, data in reversed(list(files.items())):
            # Opened as it is: one that was removed since does not come back.
            with stack.enter_context(whole(path)).open("r+b") as file:
                file.write(data)


def remove_unfinished() -> None:
    """Remove what other threads were writing, and let them begin nothing more; the process ends next."""
    with _lock:
        _ended.set()
        for path in tuple(_unfinished):
            with suppress(OSError):
                path.unlink(missing_ok=True)


def _begin(temporary: Path) -> None:
    """Create the file while it is sure that it will be removed."""
    with _lock:
        if _ended.is_set():
            raise InterruptedError(0, "the command ends", str(temporary))
        _unfinished.add(temporary)
        temporary.touch()
