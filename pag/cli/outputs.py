"""Where maps go and how the files are called: by one rule, and never the same name twice.

A photograph `NAME.jpg` gives, by format, NAME.semantics.png, NAME.depth.png, NAME.normals.png and NAME.json;
NAME.npz; NAME.overlay.png; or NAME.json. A video gives NAME.VIEW.mp4.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pag.cli.exit_codes import USAGE, Stop
from pag.cli.formats import STDOUT, Format, is_file_name
from pag.cli.inputs import VIDEOS, Source, absolute

DEFAULT_MAPS = ("semantics", "depth", "normals")


@dataclass(frozen=True)
class Naming:
    """What is made of each input: the format, and the maps that are asked for (None: the model's)."""

    format: Format
    tasks: str | None
    view: str

    def suffixes(self, source: Source) -> tuple[str, ...]:
        """Endings of the files that `source` gives; the last one is written last."""
        if source.is_moving:
            return (f".{self.view}.mp4",)
        if self.format != "png":
            return {"npz": (".npz",), "overlay": (".overlay.png",), "json": (".json",)}[self.format]
        return (*(f".{name}.png" for name in self._maps()), ".json")

    def _maps(self) -> Sequence[str]:
        return DEFAULT_MAPS if self.tasks is None else self.tasks.split(",")


@dataclass(frozen=True)
class Job:
    """One input and where its maps go: `stem` plus the endings, or one file, or standard output."""

    source: Source
    stem: Path | None = None
    file: Path | None = None
    suffixes: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[Path, ...]:
        """All files that it is known to write."""
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


def existing(job: Job) -> Path | None:
    """A file of `job` that is there already."""
    return next((path for path in job.files if os.path.lexists(path)), None)


def is_done(job: Job) -> bool:
    """Whether all its files are there."""
    return bool(job.files) and all(path.exists() for path in job.files)


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
