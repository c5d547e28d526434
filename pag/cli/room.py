"""Whether maps can be written where they are to go: a fault of the place, not of the photographs."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pag.cli.exit_codes import SOME_FAILED, USAGE, Stop

# What every further file would meet as well.
OF_THE_PLACE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG, errno.EIO}
PROBE = bytes(4096)


def check_room(files: Iterable[Path]) -> None:
    """Stop if files cannot be written there; nothing is left behind."""
    for folder in {_that_is_there(file.parent) for file in files}:
        try:
            with tempfile.NamedTemporaryFile(dir=folder, prefix=".pag-") as probe:
                probe.write(PROBE)
                probe.flush()
        except OSError as error:
            message = f"{folder}: {error.strerror}: give another -o, or make room; nothing was done"
            raise Stop(USAGE, message) from error


@contextmanager
def blaming_the_place(path: Path) -> Iterator[None]:
    """Stop if what is written within to `path` fails as all further files would."""
    try:
        yield
    except OSError as error:
        if error.errno not in OF_THE_PLACE:
            raise
        fix = "finished files stay; make room or give another -o, then go on with --skip-existing"
        raise Stop(SOME_FAILED, f"{path}: {error.strerror}; {fix}") from error


def _that_is_there(folder: Path) -> Path:
    return next(place for place in (folder, *folder.absolute().parents) if place.exists())
