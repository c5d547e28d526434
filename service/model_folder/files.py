"""A model folder on disk: read whole and verified, so that nothing half-written is ever loaded."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from pathlib import Path

from pydantic import ValidationError

from service.model_folder.manifest import MANIFEST_NAME, MODEL_NAME, FileEntry, ModelManifest

Fingerprint = tuple[object, ...]
ATTEMPTS = 5
EARLIER_VERSION = 1
# A hundred times that of a network with a thousand classes.
MANIFEST_BYTES = 4 * 2**20
MOST_SHOWN = 20


class ManifestError(ValueError):
    """A model folder whose manifest is absent, malformed or contradicts itself or its files."""

    def __init__(self, folder: Path, problems: list[str]) -> None:
        self.folder = folder
        self.problems = problems
        more = [f"and {len(problems) - MOST_SHOWN} more"] if len(problems) > MOST_SHOWN else []
        # One line, as whatever a terminal shows.
        super().__init__(f"model folder {folder} cannot be used: {'; '.join(problems[:MOST_SHOWN] + more)}")


def model_folders(weights: Path) -> list[Path]:
    """Folders in `weights` that hold a model, whole or not, by name.

    Those whose name starts with a dot are somebody's work in progress.
    """
    return sorted(
        folder
        for folder in weights.iterdir()
        if not folder.name.startswith(".")
        and any((folder / name).is_file() for name in (MANIFEST_NAME, MODEL_NAME))
    )


def read_model(folder: Path) -> tuple[ModelManifest, dict[str, bytes]]:
    """Manifest and verified files of the model in `folder`; ManifestError if it is not whole."""
    for _ in range(ATTEMPTS):
        before = fingerprint(folder)
        try:
            manifest = load_manifest(folder)
            return manifest, read_files(folder, manifest)
        except ManifestError as error:
            problem = error
        # Another model took the folder's place between the reads: the manifest of one, the graph of the next.
        if fingerprint(folder) == before:
            break
    raise problem


def load_manifest(folder: Path) -> ModelManifest:
    """Manifest of the model in `folder`; ManifestError names the folder, the key and the fix."""
    path = folder / MANIFEST_NAME
    try:
        text = _read_plain(path, MANIFEST_BYTES)
    except OSError as error:
        fix = f"put the exported {MANIFEST_NAME} there"
        raise ManifestError(folder, [f"{MANIFEST_NAME}: {error.strerror}; {fix}"]) from error
    try:
        return ModelManifest.model_validate_json(text)
    except ValidationError as error:
        raise ManifestError(folder, _problems(folder, error)) from error


def read_files(folder: Path, manifest: ModelManifest) -> dict[str, bytes]:
    """Contents of every file named in `manifest`; ManifestError unless each is the one that is named.

    What was checked is what is returned: a file that is replaced meanwhile is never half old and half new.
    """
    contents: dict[str, bytes] = {}
    problems: list[str] = []
    for name, entry in manifest.files.items():
        try:
            data = contents[name] = _read_plain(folder / name, entry.bytes)
        except OSError as error:
            other = f", so its sha256 is not {entry.sha256[:12]}..." if error.errno == errno.EFBIG else ""
            problems.append(f"{name}: {error.strerror}{other}; fetch or export it again")
            continue
        found = hashlib.sha256(data).hexdigest()
        if (found, len(data)) != (entry.sha256, entry.bytes):
            problems.append(_changed(name, found, len(data), entry))
    if problems:
        raise ManifestError(folder, problems)
    return contents


def _read_plain(path: Path, most: int) -> bytes:
    """Contents of the file at `path`; OSError if it has more than `most` bytes or is no plain file.

    Others may never end, or never begin: a pipe without a writer is not waited for.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    status = os.fstat(descriptor)
    plain = stat.S_ISREG(status.st_mode)
    if not plain or status.st_size > most:
        os.close(descriptor)
        raise OSError(errno.EFBIG, f"larger than {most} bytes") if plain else OSError(0, "not a plain file")
    with os.fdopen(descriptor, "rb") as stream:
        return stream.read(status.st_size)


def file_entry(path: Path) -> FileEntry:
    """Digest and size of the file at `path`."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return FileEntry(sha256=digest, bytes=path.stat().st_size)


def fingerprint(folder: Path) -> Fingerprint:
    """Equal to an earlier one unless a file in `folder` changed, or another took its place; reads none."""
    try:
        names = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    except OSError:
        return ()
    # A folder of links, as Kubernetes mounts them, is exchanged by its target alone.
    return (str((folder / MANIFEST_NAME).resolve()), *(_status(folder / name) for name in names))


def _status(path: Path) -> Fingerprint:
    try:
        status = path.stat()
    except OSError:
        return (path.name,)
    # A copy may keep its old time of modification, but not its time of change.
    return (path.name, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _changed(name: str, sha256: str, size: int, entry: FileEntry) -> str:
    return (
        f"{name}: sha256 {sha256[:12]}... ({size} bytes) is not the manifest's "
        f"{entry.sha256[:12]}... ({entry.bytes} bytes); the file is cut off or another one: "
        "fetch or export it again"
    )


def _problems(folder: Path, error: ValidationError) -> list[str]:
    found = error.errors()
    if any(item["loc"] == ("schema_version",) and item["input"] == EARLIER_VERSION for item in found):
        fix = f"write it anew with: python -m model_export upgrade {folder}"
        return [f"schema_version {EARLIER_VERSION} is of an earlier release; {fix}"]
    return [_describe(item["loc"], item["msg"]) for item in found]


def _describe(place: tuple[int | str, ...], message: str) -> str:
    where = ".".join(map(str, place)) or MANIFEST_NAME
    return f"{where}: {message}"
