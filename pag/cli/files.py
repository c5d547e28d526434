"""Output files: written whole or not at all, and the check that their folders take files."""

from __future__ import annotations

import errno
import os
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from pathlib import Path

from pag.cli.exit_codes import SOME_FAILED, USAGE, Stop

# Causes that every further file would meet as well: faults of the folder, not of the photograph.
FOLDER_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG, errno.EIO}
PROBE = bytes(4096)
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


def check_folders(files: Iterable[Path]) -> None:
    """Stop if the folders of these files take no file; nothing is left behind."""
    for folder in {_existing_parent(file) for file in files}:
        try:
            with tempfile.NamedTemporaryFile(dir=folder, prefix=".pag-") as probe:
                probe.write(PROBE)
                probe.flush()
        except OSError as error:
            message = f"{folder}: {error.strerror}: give another -o, or free space there; nothing was done"
            raise Stop(USAGE, message) from error


@contextmanager
def stopping_if_unwritable(path: Path) -> Iterator[None]:
    """Stop if writing to `path` fails as writing to all further files would; other OSErrors pass."""
    try:
        yield
    except OSError as error:
        if error.errno not in FOLDER_ERRORS:
            raise
        fix = "finished files stay; free space there or give another -o, then go on with --skip-existing"
        raise Stop(SOME_FAILED, f"{path}: {error.strerror}; {fix}") from error


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


def _existing_parent(file: Path) -> Path:
    return next(folder for folder in (file.parent, *file.parent.absolute().parents) if folder.exists())
