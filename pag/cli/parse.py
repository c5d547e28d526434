"""`pag parse`: photographs, folders, videos and cameras to maps."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from pag.cli import options
from pag.cli.exit_codes import HELP, USAGE, Stop
from pag.cli.formats import STDOUT, Format, check_writable, choose_format
from pag.cli.inputs import Source, find_sources
from pag.cli.outputs import Job, Naming, existing, is_done, plan

EPILOG = f"""\b
INPUT is a photograph (JPEG, PNG, WebP, BMP, TIFF, GIF), a folder of them, a quoted
glob such as 'shots/**/*.jpg', a video (.mp4 .m4v .mov .avi .mkv .webm .mpg), camera:0
(or camera:/dev/video1, camera:rtsp://...), or - for one photograph on standard input.

\b
Files in the folder OUT, for NAME.jpg:
  --format png      NAME.semantics.png  class ids, 255 none
                    NAME.depth.png      16-bit millimetres, 0 unknown
                    NAME.normals.png    round((n + 1) * 127.5)
                    NAME.json           all that is known of them
  --format npz      NAME.npz            arrays for numpy.load or pag.read_npz
  --format overlay  NAME.overlay.png    the photograph in its classes' colours
  --format json     NAME.json           the same as png, maps within as base64
  videos            NAME.VIEW.mp4       at the frame rate of the video
Folders below an INPUT folder are kept below OUT. Where two inputs would share a name
they keep their endings (a.jpg.depth.png, a.png.depth.png), or else their folders: so
names depend on what else is parsed at the same time; --json and --dry-run tell them.
OUT may also be one file (.npz .json, .png for one map or an overlay, .mp4 for a video)
or - for standard output. Files appear when they are whole; inputs are never overwritten.

A camera gives its newest frame whenever one is done and ends with Ctrl-C or --seconds.

{HELP}"""


def parse(
    inputs: Annotated[list[str], typer.Argument(metavar="INPUT...", help="See below.", show_default=False)],
    out: Annotated[
        str, typer.Option("-o", "--out", metavar="OUT", help="Folder, file, or - for standard output.")
    ],
    budget: options.Budget = None,
    min_budget: options.MinBudget = None,
    deadline_ms: options.DeadlineMs = None,
    tasks: options.Tasks = None,
    size: Annotated[
        Literal["input", "model"] | None,
        typer.Option(
            help="Size of the maps: the photograph's, or as the network saw it. Default: the server's."
        ),
    ] = None,
    model: options.ModelName = None,
    kind: Annotated[
        Literal["png", "npz", "overlay", "json"] | None,
        typer.Option("--format", help="See below. Default: png."),
    ] = None,
    view: Annotated[
        Literal["overlay", "semantics", "depth", "normals", "side-by-side"] | None,
        typer.Option(help="What a video shows. Default: overlay."),
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(metavar="S", min=1e-3, help="Of a video or camera, so much at most.")
    ] = None,
    server: options.Server = None,
    key: options.Key = None,
    weights: options.Weights = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            max=64,
            help="Requests at a time. Default: what keeps the server's threads busy; 1 with --deadline-ms.",
        ),
    ] = None,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Folders within folders too.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Write over files of earlier runs.")] = False,
    skip_existing: Annotated[
        bool, typer.Option("--skip-existing", help="Leave out inputs whose maps are there.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be written, and end.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but failures.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON line per input on standard output.")
    ] = False,
) -> None:
    """Parse photographs, folders, videos and cameras into maps."""
    if overwrite and skip_existing:
        raise Stop(USAGE, "--overwrite or --skip-existing, not both")
    check_writable(out)
    sources = find_sources(inputs, recursive=recursive, leave_out=None if out == STDOUT else Path(out))
    if (view or seconds) and not any(source.is_moving for source in sources):
        raise Stop(USAGE, "--view and --seconds are of videos and cameras: leave them out with photographs")
    shown = view or "overlay"
    chosen = choose_format(out, kind, tasks, sources)
    _check_streams(sources, out, chosen, as_json=as_json)
    planned = plan(sources, out, Naming(chosen, tasks, shown))
    finished = [job for job in planned if skip_existing and is_done(job)]
    wanted = [job for job in planned if job not in finished]
    if not (overwrite or skip_existing):
        _check_nothing_exists(wanted)
    if dry_run:
        _tell(wanted, finished, as_json=as_json)
        return
    from pag.cli.parsing import Orders, run  # noqa: PLC0415 - quick --help

    ask: dict[str, object] = {
        "budget": budget,
        "min_budget": min_budget,
        "deadline_ms": deadline_ms,
        "size": size,
        "model": model,
    }
    orders = Orders(wanted, finished, chosen, tasks, ask, shown, seconds, jobs, quiet=quiet, as_json=as_json)
    raise typer.Exit(run(orders, server, key, weights))


def _check_streams(sources: Sequence[Source], out: str, chosen: Format, *, as_json: bool) -> None:
    if any(source.kind == "stdin" for source in sources) and sys.stdin.isatty():
        raise Stop(
            USAGE, "- is a photograph on standard input: pag parse - -o depth.png --tasks depth < photo.jpg"
        )
    if out != STDOUT:
        return
    if as_json:
        raise Stop(USAGE, "--json and -o - both take standard output: give a file or folder to -o")
    if chosen != "json" and sys.stdout.isatty():
        raise Stop(USAGE, "-o - writes bytes that no terminal shows: redirect them, or give a file to -o")


def _check_nothing_exists(jobs: Sequence[Job]) -> None:
    there = [path for job in jobs if (path := existing(job))]
    if there:
        more = f" (and those of {len(there) - 1} more)" if len(there) > 1 else ""
        raise Stop(USAGE, f"{there[0]} is there already{more}: add --overwrite or --skip-existing")


def _tell(wanted: Sequence[Job], finished: Sequence[Job], *, as_json: bool) -> None:
    for job in finished:
        print(
            json.dumps({"input": job.source.text, "status": "skipped"})
            if as_json
            else f"{job.source.text}  skipped"
        )
    for job in wanted:
        files = [str(path) for path in job.files] or [STDOUT]
        line = {"input": job.source.text, "status": "planned", "outputs": files}
        print(json.dumps(line) if as_json else f"{job.source.text} -> {' '.join(files)}")
