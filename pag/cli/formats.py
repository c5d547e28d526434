"""What is made of a photograph: chosen by --format, or by the ending of the file that -o names."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pag.cli.exit_codes import USAGE, Stop
from pag.cli.inputs import PHOTOGRAPHS, VIDEOS, Source

Format = Literal["png", "npz", "overlay", "json"]
STDOUT = "-"
ENDINGS: dict[str, tuple[Format, ...]] = {".npz": ("npz",), ".json": ("json",), ".png": ("png", "overlay")}
# A name with such an ending is meant for a file, and no file of that kind is written.
UNWRITABLE = (PHOTOGRAPHS - {*ENDINGS}) | {".heic", ".avif", ".jp2", ".exr", ".npy", ".ogv", ".wmv", ".flv"}


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


def choose_format(out: str, wanted: Format | None, tasks: str | None, sources: Sequence[Source]) -> Format:
    """The format; Stop if what is asked for does not go together."""
    if all(source.is_moving for source in sources):
        if wanted or tasks:
            raise Stop(USAGE, "--format and --tasks are of photographs; what a video shows is its --view")
        return "png"
    chosen = _by_ending(out, wanted) if is_file_name(out) else wanted or "png"
    if chosen == "overlay" and tasks not in (None, "semantics"):
        raise Stop(USAGE, "--format overlay shows the semantics: leave --tasks out")
    if chosen == "png" and (out == STDOUT or is_file_name(out)) and (tasks is None or "," in tasks):
        raise Stop(USAGE, f"-o {out} holds one map: add --tasks depth, say, or --format overlay or npz")
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
