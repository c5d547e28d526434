"""Atomic writes of files and folders: a kill or a power cut leaves the old content or the new one.

What is being written lies beside its target under a name that starts with a dot and ends in `.partial`, under
a lock that ends with its writer: the next one at the same target removes what a killed one left.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

AT_FDCWD = -100
RENAME_EXCHANGE = 2
# By file systems, kernels and C libraries that cannot exchange two names.
UNSUPPORTED = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP}


def write_text(path: Path, text: str) -> None:
    """Put `text` into the file at `path`, as UTF-8."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Name to write a file under, with the suffix of `path`; on leaving it takes the place of `path`.

    If the block raises, `path` is as it was.
    """
    path = path.resolve()
    with _partial(path, lambda partial: partial.touch(exist_ok=False)) as partial:
        yield partial
        _to_disk(partial)
        partial.replace(path)
        _to_disk(path.parent)


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """Empty folder to fill; on leaving it takes the place of `folder`, with all files at once.

    If the block raises, `folder` is as it was. Where the system cannot exchange two names, `folder` is absent
    for the moment between two renames; a writer killed in it leaves the former one to be put back.
    """
    folder = folder.resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    put_back(folder)
    with _partial(folder, Path.mkdir) as partial:
        yield partial
        for each in (*partial.rglob("*"), partial):
            _to_disk(each)
        _put_in_place(partial, folder)
        _to_disk(folder.parent)


def put_back(folder: Path) -> None:
    """Rename a folder back that a killed writer had set aside, if no other took its place."""
    aside = _aside(folder)
    if aside.exists() and not folder.exists():
        aside.rename(folder)


def _put_in_place(partial: Path, folder: Path) -> None:
    if not folder.exists():
        partial.rename(folder)
    elif not _exchange(partial, folder):
        aside = _aside(folder)
        _remove(aside)
        folder.rename(aside)
        partial.rename(folder)
        _remove(aside)


def _exchange(one: Path, other: Path) -> bool:
    """Each takes the other's name in one step; False if the system cannot."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    if rename(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in UNSUPPORTED:
        return False
    raise OSError(number, os.strerror(number), str(one), None, str(other))


@contextmanager
def _partial(target: Path, create: Callable[[Path], None]) -> Iterator[Path]:
    """Something new beside `target`, locked; what has its name afterwards is removed."""
    _sweep(target)
    partial = target.with_name(f".{target.stem}.{secrets.token_hex(4)}.partial{target.suffix}")
    create(partial)
    with _lock(partial):
        try:
            yield partial
        finally:
            _remove(partial)


def _sweep(target: Path) -> None:
    for path in target.parent.iterdir():
        if path.name.startswith(f".{target.stem}.") and path.name.endswith(f".partial{target.suffix}"):
            # Locked by a writer at work, or swept by another.
            with suppress(BlockingIOError, FileNotFoundError), _lock(path):
                _remove(path)


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _aside(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.former")


def _remove(path: Path) -> None:
    if path.is_dir():
        # Another sweeps it at the same time, perhaps.
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
