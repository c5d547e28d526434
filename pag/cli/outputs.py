"""Outputs: the format, and where the files of each input go; no two files ever have the same name.

A photograph `NAME.jpg` gives, by format, NAME.MAP.png for each map and NAME.json; NAME.npz; NAME.overlay.png;
or NAME.json. A video gives NAME.VIEW.mp4.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pag.cli.exit_codes import USAGE, Stop
from pag.cli.inputs import OVERLAY, PHOTOGRAPHS, VIDEOS, Source, absolute

Format = Literal["png", "npz", "overlay", "json"]
STDOUT = "-"
ENDINGS: dict[str, tuple[Format, ...]] = {".npz": ("npz",), ".json": ("json",), ".png": ("png", "overlay")}
# A name with such an ending is meant for a file, and no file of that kind is written.
UNWRITABLE = (PHOTOGRAPHS - {*ENDINGS}) | {".heic", ".avif", ".jp2", ".exr", ".npy", ".ogv", ".wmv", ".flv"}


@dataclass(frozen=True)
class Naming:
    """What decides the files of an input: the format and maps of photographs, the view of videos."""

    format: Format
    maps: Sequence[str]
    view: str

    def suffixes(self, source: Source) -> tuple[str, ...]:
        """Endings of the files that `source` gives; the last one is written last."""
        if source.is_moving:
            return (f".{self.view}.mp4",)
        if self.format == "png":
            return (*(f".{name}.png" for name in self.maps), ".json")
        return {"npz": (".npz",), "overlay": (f".{OVERLAY}.png",), "json": (".json",)}[self.format]


@dataclass(frozen=True)
class Job:
    """One input and where its maps go: `stem` plus the endings, or one file, or standard output."""

    source: Source
    stem: Path | None = None
    file: Path | None = None
    suffixes: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[Path, ...]:
        """All files that it writes."""
        if self.file is not None:
            return (self.file,)
        return tuple(self.at(suffix) for suffix in self.suffixes)

    def at(self, suffix: str) -> Path:
        """The file with this ending."""
        assert self.stem is not None
        return self.stem.with_name(self.stem.name + suffix)


def plan(sources: Sequence[Source], out: str, naming: Naming) -> list[Job]:
    """What to write for each input; Stop if that would overwrite an input or one file twice."""
    if out == STDOUT or is_file_name(out):
        jobs = [_single(sources, None if out == STDOUT else Path(out))]
    else:
        places = _places(sources)
        jobs = [
            Job(source, Path(out) / place, suffixes=naming.suffixes(source))
            for source, place in zip(sources, places, strict=True)
        ]
    _check(jobs)
    return jobs


def check_nothing_exists(jobs: Iterable[Job]) -> None:
    """Stop if a file of these jobs exists."""
    found = [path for job in jobs if (path := next(filter(os.path.lexists, job.files), None))]
    if found:
        more = f" (and those of {len(found) - 1} more)" if len(found) > 1 else ""
        raise Stop(USAGE, f"{found[0]} is there already{more}: add --overwrite or --skip-existing")


def is_done(job: Job) -> bool:
    """Whether all its files exist."""
    return bool(job.files) and all(path.exists() for path in job.files)


def check_writable(out: str) -> None:
    """Stop if -o names a file of a kind that is not written."""
    ending = Path(out).suffix.lower()
    if ending in UNWRITABLE and not out.endswith(os.sep) and not Path(out).is_dir():
        kinds = f"a photograph becomes {', '.join(ENDINGS)}; a video {', '.join(sorted(VIDEOS))}"
        raise Stop(
            USAGE, f"-o {out}: no {ending} is written; {kinds}. A folder of that name: -o {out}{os.sep}"
        )


def is_file_name(out: str) -> bool:
    """Whether -o names one file and not a folder."""
    path = Path(out)
    known = path.suffix.lower() in {*ENDINGS, *VIDEOS}
    return out != STDOUT and known and not out.endswith(os.sep) and not path.is_dir()


def choose_format(out: str, wanted: Format | None, maps: str | None, sources: Sequence[Source]) -> Format:
    """The format of photographs; Stop if the options contradict each other."""
    if all(source.is_moving for source in sources):
        if wanted or maps:
            raise Stop(USAGE, "--format and --maps are of photographs; what a video shows is its --view")
        return "png"
    chosen = _by_ending(out, wanted) if is_file_name(out) else wanted or "png"
    if chosen == "png" and (out == STDOUT or is_file_name(out)) and (maps is None or "," in maps):
        raise Stop(USAGE, f"-o {out} holds one map: name it with --maps, or add --format overlay or npz")
    return chosen


def _by_ending(out: str, wanted: Format | None) -> Format:
    possible = ENDINGS.get(Path(out).suffix.lower(), ())
    if not possible:
        raise Stop(
            USAGE, f"{out} is a name for a video: a photograph becomes .png, .npz or .json, or give a folder"
        )
    if wanted is None:
        return possible[0]
    if wanted not in possible:
        raise Stop(USAGE, f"--format {wanted} does not fit the name {out}")
    return wanted


def _single(sources: Sequence[Source], file: Path | None) -> Job:
    target = "standard output" if file is None else str(file)
    if len(sources) != 1:
        raise Stop(USAGE, f"{target} takes one input, not {len(sources)}: give a folder to -o")
    (source,) = sources
    if file is None and source.is_moving:
        raise Stop(USAGE, "a video goes into a file: -o maps.mp4")
    if file is not None and source.is_moving and file.suffix.lower() not in VIDEOS:
        raise Stop(USAGE, f"{source.text} is a video: give -o maps.mp4, or a folder")
    return Job(source, file=file)


def _places(sources: Sequence[Source]) -> list[Path]:
    """The shortest names that tell all inputs apart; only those that meet get longer ones."""
    rooted = _rooted(sources)
    chosen = [_without_ending(source, source.place) for source in sources]
    for way in (
        lambda source: source.place,
        lambda source: _without_ending(source, rooted(source)),
        rooted,
    ):
        counts = Counter(str(place).casefold() for place in chosen)
        chosen = [
            way(source) if counts[str(place).casefold()] > 1 else place
            for source, place in zip(sources, chosen, strict=True)
        ]
    # A longer name may meet another one: whole places never do.
    apart = len({str(place).casefold() for place in chosen}) == len(chosen)
    return chosen if apart else [rooted(source) for source in sources]


def _without_ending(source: Source, place: Path) -> Path:
    return place.with_suffix("") if source.path else place


def _rooted(sources: Sequence[Source]) -> Callable[[Source], Path]:
    """Places below the folder that all inputs have in common."""
    parents = [absolute(source.path).parent for source in sources if source.path]
    common = os.path.commonpath(parents) if parents else ""
    return lambda source: absolute(source.path).relative_to(common) if source.path else source.place


def _check(jobs: Sequence[Job]) -> None:
    inputs = {os.path.realpath(job.source.path): job.source.text for job in jobs if job.source.path}
    seen: dict[str, str] = {}
    for job in jobs:
        for path in job.files:
            real = os.path.realpath(path)
            if real in inputs:
                raise Stop(USAGE, f"{path} would overwrite the input {inputs[real]}: give another -o")
            other = seen.setdefault(real.casefold(), job.source.text)
            if other != job.source.text:
                raise Stop(
                    USAGE, f"{other} and {job.source.text} would both become {path}: parse one at a time"
                )
