"""Inputs: files, folders, globs, standard input, videos and cameras as one list of sources."""

from __future__ import annotations

import glob
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pag.cli.exit_codes import USAGE, Stop

STDIN, CAMERA = "-", "camera:"
OVERLAY = "overlay"
PHOTOGRAPHS = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"}
VIDEOS = {".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg"}
MAP_FILE = re.compile(r"(?P<stem>.+)\.(?P<map>[a-z][a-z0-9_]*)\.png")
# Of a photograph's JSON, without its maps.
MAX_DOCUMENT_BYTES = 2**20
Kind = Literal["photograph", "stdin", "video", "camera"]


@dataclass(frozen=True)
class Source:
    """One input: what it is, how to name it to people, and its place below the folder that held it."""

    kind: Kind
    text: str
    place: Path

    @property
    def is_moving(self) -> bool:
        """Whether it has frames."""
        return self.kind in ("video", "camera")

    @property
    def path(self) -> Path | None:
        """The file, if it is one."""
        return Path(self.text) if self.kind in ("photograph", "video") else None


def find_sources(inputs: Sequence[str], *, recursive: bool, leave_out: Path | None = None) -> list[Source]:
    """All inputs in the order given, each file once; Stop if one of them is not there.

    Folders give their photographs by name; the folder `leave_out`, where maps go, is not looked into.
    """
    found: dict[str, Source] = {}
    for text in inputs:
        try:
            for source in _expand(text, recursive, leave_out):
                found.setdefault(str(absolute(source.path)) if source.path else source.text, source)
        except OSError as error:
            raise Stop(USAGE, f"{error.filename or text}: {error.strerror}; nothing was done") from error
    return list(found.values())


def absolute(path: Path) -> Path:
    """The path from the root, without `..`; links stay links, so that each keeps its name."""
    return Path(os.path.normpath(path.absolute()))


def _expand(text: str, recursive: bool, leave_out: Path | None) -> Iterator[Source]:
    if text == STDIN:
        yield Source("stdin", text, Path("stdin"))
    elif text.startswith(CAMERA):
        _check_camera(text.removeprefix(CAMERA))
        yield Source("camera", text, Path(_camera_name(text)))
    elif Path(text).is_dir():
        yield from _in_folder(Path(text), recursive, leave_out)
    elif os.path.lexists(text):
        yield _file(text)
    else:
        yield from _matching(text, recursive, leave_out)


def _matching(text: str, recursive: bool, leave_out: Path | None) -> Iterator[Source]:
    """All that a pattern matches but files that pag wrote; folders may hold nothing."""
    # Path.glob knows no absolute patterns.
    matches = sorted(glob.glob(text, recursive=True)) if glob.has_magic(text) else []  # noqa: PTH207
    if not matches:
        raise Stop(USAGE, f"{text}: there is no such file; nothing was done")
    folders = [match for match in matches if Path(match).is_dir()]
    files = _without_outputs(Path(match) for match in matches if match not in set(folders))
    # Where nothing ends as photographs do, they may be files without an ending.
    chosen = [path for path in files if path.suffix.lower() in PHOTOGRAPHS | VIDEOS] or files
    inside = [path for folder in folders for path in _photographs_in(Path(folder), recursive, leave_out)]
    if not (chosen or inside):
        raise Stop(USAGE, f"{text}: no photograph matches; nothing was done")
    yield from (_file(str(path)) for path in [*chosen, *inside])


def _file(text: str) -> Source:
    path = Path(text)
    return Source("video" if path.suffix.lower() in VIDEOS else "photograph", text, Path(path.name))


def _in_folder(folder: Path, recursive: bool, leave_out: Path | None) -> Iterator[Source]:
    chosen = _photographs_in(folder, recursive, leave_out)
    if not chosen:
        videos = sum(path.suffix.lower() in VIDEOS for path in folder.iterdir())
        hint = "" if recursive else "; --recursive looks into its folders too"
        hint += f"; {videos} videos in it: name them, as in '{folder}/*.mp4'" if videos else ""
        raise Stop(USAGE, f"{folder}: no photograph in this folder{hint}")
    for path in chosen:
        yield Source("photograph", str(path), path.relative_to(folder))


def _photographs_in(folder: Path, recursive: bool, leave_out: Path | None) -> list[Path]:
    paths = _walk(folder, leave_out) if recursive else folder.iterdir()
    return sorted(_without_outputs(path for path in paths if _is_photograph(path)))


def _walk(folder: Path, leave_out: Path | None) -> Iterator[Path]:
    for root, folders, names in os.walk(folder, onerror=_refuse):
        here = Path(root)
        folders[:] = [
            name for name in folders if not name.startswith(".") and not _same(here / name, leave_out)
        ]
        yield from (here / name for name in names)


def _refuse(error: OSError) -> None:
    """A folder that cannot be read is no folder without photographs."""
    raise error


def _is_photograph(path: Path) -> bool:
    wanted = path.suffix.lower() in PHOTOGRAPHS and not path.name.startswith(".")
    # A link to nothing is kept: it fails under its name.
    return wanted and (path.is_file() or (path.is_symlink() and not path.exists()))


def _without_outputs(paths: Iterable[Path]) -> list[Path]:
    """The paths but for maps and overlays that pag wrote among them."""
    listed: dict[Path, frozenset[str]] = {}
    return [path for path in paths if not _is_output(path, listed)]


def _is_output(path: Path, listed: dict[Path, frozenset[str]]) -> bool:
    """Whether a PNG is an overlay, or a map that the JSON beside it lists; `listed` caches those lists."""
    name = MAP_FILE.fullmatch(path.name)
    if name is None:
        return False
    if name["map"] == OVERLAY:
        return True
    document = path.with_name(f"{name['stem']}.json")
    if document not in listed:
        listed[document] = _maps_listed(document)
    return name["map"] in listed[document]


def _maps_listed(document: Path) -> frozenset[str]:
    """Names of the maps in a JSON file that pag wrote; none for any other file."""
    try:
        # A pipe would never end, and what is longer is not the list of a photograph's maps.
        if not document.is_file() or document.stat().st_size > MAX_DOCUMENT_BYTES:
            return frozenset()
        return frozenset(json.loads(document.read_bytes())["maps"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return frozenset()


def _same(path: Path, other: Path | None) -> bool:
    return other is not None and other.exists() and path.samefile(other)


def _check_camera(name: str) -> None:
    """Stop if no camera can have this name: a number, a device, a file or an address."""
    device = Path(f"/dev/video{name}") if name.isdecimal() else Path(name)
    known = "://" in name or (bool(name) and device.exists())
    # Cameras are files only on Linux.
    if not (known or (name.isdecimal() and sys.platform != "linux")):
        there = ", ".join(map(str, sorted(Path("/dev").glob("video*")))) or "none"
        raise Stop(
            USAGE, f"{CAMERA}{name}: there is no such camera; on this machine: {there}. Nothing was done"
        )


def _camera_name(text: str) -> str:
    letters = (letter if letter.isalnum() else "-" for letter in text)
    return "".join(letters).strip("-")
