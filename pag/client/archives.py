"""Archives in answers: their contents are bounded before any is expanded."""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

# The service stores maps as they are: an archive that grows many times over was not made by it.
MAX_GROWTH = 4
# Whatever the archive's own size: saved again with compression, maps may be a hundred times smaller.
ALWAYS_BYTES = 2**26
# Of the list of entries: some hundreds, where a parsing has about ten.
MAX_DIRECTORY_BYTES = 2**16
# An archive below this size needs no 64-bit directory, which could contradict the other one.
SMALL_ARCHIVE_BYTES = 2**31 - 2**20
DIRECTORY_END, END_BYTES, MAX_COMMENT_BYTES = b"PK\x05\x06", 22, 2**16
LOCATOR, LOCATOR_BYTES = b"PK\x06\x07", 20
METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
HEADER_READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_entries(data: bytes) -> dict[str, bytes]:
    """The files in a ZIP archive by name; ValueError or BadZipFile if it is not as the service makes them."""
    with _opened(data) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def read_arrays(data: bytes) -> dict[str, NDArray[Any]]:
    """The arrays in an npz archive by name; errors as of `read_entries`."""
    with _opened(data) as archive:
        for info in archive.infolist():
            _check_array(archive, info)
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


@contextmanager
def _opened(data: bytes) -> Iterator[zipfile.ZipFile]:
    _check_directory(data)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = archive.infolist()
        total = sum(entry.file_size for entry in entries)
        if total > max(ALWAYS_BYTES, MAX_GROWTH * len(data)):
            raise ValueError(f"its {len(data)} bytes would expand to {total}")
        if len({entry.filename for entry in entries}) < len(entries):
            raise ValueError("two of its entries have the same name")
        if unknown := [entry.compress_type for entry in entries if entry.compress_type not in METHODS]:
            raise ValueError(f"an entry is compressed by the method {unknown[0]}")
        yield archive


def _check_directory(data: bytes) -> None:
    """ValueError for a large list of entries, all of which the library reads when it opens the archive."""
    end = data.rfind(DIRECTORY_END, max(0, len(data) - END_BYTES - MAX_COMMENT_BYTES))
    if end < 0:
        raise zipfile.BadZipFile("File is not a zip file")
    locator = data[max(0, end - LOCATOR_BYTES) : end]
    if locator.startswith(LOCATOR) and len(data) < SMALL_ARCHIVE_BYTES:
        raise ValueError("it has a 64-bit directory, which it is too small for")
    size = int.from_bytes(data[end + 12 : end + 16], "little")
    if size > MAX_DIRECTORY_BYTES:
        raise ValueError(f"its list of entries has {size} bytes")


def _check_array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
    """ValueError unless the entry is as long as its header says, for which the library makes room."""
    with archive.open(info) as file:
        version = np.lib.format.read_magic(file)
        if version not in HEADER_READERS:
            raise ValueError(f"{info.filename} is of version {version} of its format")
        shape, _, dtype = HEADER_READERS[version](file)
        # Objects have no size of their own; the library refuses them by its own words.
        if not dtype.hasobject and file.tell() + math.prod(shape) * dtype.itemsize != info.file_size:
            raise ValueError(f"{info.filename} is not as long as {dtype} {shape}")
