"""`pag parse`: photographs, folders, videos and cameras to maps; photographs first, then videos."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from pag.cli import options
from pag.cli.exit_codes import DONE, USAGE, Stop, code_of_all
from pag.cli.extras import needs
from pag.cli.files import check_folders
from pag.cli.inputs import OVERLAY, Source, find_sources
from pag.cli.outputs import (
    STDOUT,
    Format,
    Job,
    Naming,
    check_nothing_exists,
    check_writable,
    choose_format,
    is_done,
    plan,
)
from pag.cli.report import Report
from pag.printable import printable

if TYPE_CHECKING:
    from pag.cli.connection import Connection
    from pag.client.calls import ParseOptions

# Requests that the service in this process holds beside those of --jobs: its own checks of readiness.
SPARE_REQUESTS = 64

LEGEND = """\b
INPUT is a photograph (JPEG, PNG, WebP, BMP, TIFF, GIF), a folder of them, a quoted
glob such as 'shots/**/*.jpg', a video (.mp4 .m4v .mov .avi .mkv .webm .mpg), camera:0
(or camera:/dev/video1, camera:rtsp://...), or - for one photograph on standard input.

\b
Files in the folder OUT, for NAME.jpg:
  --format png      NAME.MAP.png        each map, written as its kind says:
                      labels              class ids, 255 none
                      metric              16-bit millimetres, 0 unknown
                      vectors             round((v + 1) * 127.5) in red, green, blue
                      probability, share  round(255 p)
                    NAME.json           all that is known of them
  --format npz      NAME.npz            arrays for numpy.load or pag.read_npz
  --format overlay  NAME.overlay.png    the photograph in its classes' colours
  --format json     NAME.json           the same as png, maps within as base64
  videos            NAME.VIEW.mp4       at the frame rate of the video (extra video)
Folders below an INPUT folder are kept below OUT. Where two inputs would share a name
they keep their endings (a.jpg.npz, a.png.npz), or else their folders: so
names depend on what else is parsed at the same time; --json and --dry-run tell them.
OUT may also be one file (.npz .json, .png for one map or an overlay, .mp4 for a video)
or - for standard output. Files appear when they are whole; inputs are never overwritten.

A camera gives its newest frame whenever one is done and ends with Ctrl-C or --seconds."""


def parse(
    inputs: Annotated[list[str], typer.Argument(metavar="INPUT...", help="See below.", show_default=False)],
    out: Annotated[
        str, typer.Option("-o", "--out", metavar="OUT", help="Folder, file, or - for standard output.")
    ],
    budget: options.Budget = None,
    min_budget: options.MinBudget = None,
    deadline_ms: options.DeadlineMs = None,
    maps: options.Maps = None,
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
        str | None,
        typer.Option(metavar="VIEW", help="A video shows this: overlay (default), side-by-side, or a map."),
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
    tasks: options.Tasks = None,
) -> None:
    """Parse photographs, folders, videos and cameras into maps."""
    if overwrite and skip_existing:
        raise Stop(USAGE, "--overwrite or --skip-existing, not both")
    check_writable(out)
    sources = find_sources(inputs, recursive=recursive, leave_out=None if out == STDOUT else Path(out))
    if (view or seconds) and not any(source.is_moving for source in sources):
        raise Stop(USAGE, "--view and --seconds are of videos and cameras: leave them out with photographs")
    chosen = choose_format(out, kind, maps, sources)
    _check_streams(sources, out, chosen, as_json=as_json)
    request = {
        "budget": budget,
        "min_budget": min_budget,
        "deadline_ms": deadline_ms,
        "size": size,
        "model": model,
    }
    batch = Batch(
        sources, out, chosen, maps, view or OVERLAY, seconds, request, jobs,
        overwrite=overwrite, skip_existing=skip_existing, dry_run=dry_run, quiet=quiet, as_json=as_json,
    )  # fmt: skip
    raise typer.Exit(run(batch, server, key, weights))


@dataclass(frozen=True)
class Batch:
    """The command line, checked: what is parsed, how, and where the results go."""

    sources: Sequence[Source]
    out: str
    format: Format
    maps: str | None
    view: str
    seconds: float | None
    request: dict[str, Any]
    jobs: int | None
    overwrite: bool
    skip_existing: bool
    dry_run: bool
    quiet: bool
    as_json: bool

    @property
    def has_videos(self) -> bool:
        """Whether any source is a video or camera."""
        return any(source.is_moving for source in self.sources)

    @property
    def options(self) -> ParseOptions:
        """Options of each request; those left out are the server's defaults."""
        given: Any = {name: value for name, value in self.request.items() if value is not None}
        if "deadline_ms" not in given and "budget" in given:
            # A batch fills the queue by itself: it had rather wait than get less than it requests.
            given.setdefault("min_budget", given["budget"])
        options: ParseOptions = given
        return options

    def report(self, unit: str, total: int | None) -> Report:
        """A report in the manner that the command line chose."""
        return Report(unit, total, quiet=self.quiet, as_json=self.as_json)


def run(batch: Batch, server: str | None, key: str | None, weights: Path | None) -> int:
    """Exit code of the batch; Stop if it ends before all inputs were tried."""
    if batch.has_videos and not batch.dry_run:
        with needs("video", "a video or camera"):
            import cv2  # noqa: F401, PLC0415 - before anything is parsed
    from pag.cli.connection import connected  # noqa: PLC0415 - quick --help

    with ExitStack() as stack:
        capacity = (batch.jobs or 0) + SPARE_REQUESTS
        opening = connected(server, key, weights, max_pending=capacity)
        # Opened at the first use: wrong usage is refused, and finished inputs are skipped, without a server.
        connect = functools.cache(lambda: stack.enter_context(opening))
        jobs = _plan(batch, connect)
        finished = [job for job in jobs if batch.skip_existing and is_done(job)]
        wanted = [job for job in jobs if job not in finished]
        if batch.dry_run:
            _print_plan(wanted, finished, as_json=batch.as_json)
            return DONE
        check_folders(file for job in wanted for file in job.files)
        codes = _parse_photographs(batch, wanted, finished, connect)
        return code_of_all(codes | _parse_videos(batch, wanted, connect))


def _plan(batch: Batch, connect: Callable[[], Connection]) -> list[Job]:
    """The files of each input; connects to learn the names of the model's maps where those name files."""
    naming = Naming(batch.format, batch.maps.split(",") if batch.maps else [], batch.view)
    jobs = _checked_plan(batch, naming)
    photographs = [job for job in jobs if not job.source.is_moving]
    if batch.format != "png" or batch.maps or not photographs or photographs[0].stem is None:
        return jobs
    if not batch.dry_run:
        check_folders(job.at(".json") for job in photographs)
    model = connect().model(batch.request["model"])
    return _checked_plan(batch, Naming(batch.format, model.default_maps, batch.view))


def _checked_plan(batch: Batch, naming: Naming) -> list[Job]:
    jobs = plan(batch.sources, batch.out, naming)
    if not (batch.overwrite or batch.skip_existing):
        check_nothing_exists(jobs)
    return jobs


def _parse_photographs(
    batch: Batch, wanted: Sequence[Job], finished: Sequence[Job], connect: Callable[[], Connection]
) -> set[int]:
    jobs = [job for job in wanted if not job.source.is_moving]
    if not jobs:
        if finished:
            with batch.report("photographs", len(finished)) as report:
                _report_skipped(finished, report)
        return set()
    from pag.cli.photographs import PhotographParser, parse_photographs  # noqa: PLC0415 - quick --help

    # Before the report begins, whose rate is of photographs alone.
    connection = connect()
    request: ParseOptions = {**batch.options, **({"maps": batch.maps} if batch.maps else {})}
    parser = PhotographParser(connection.client, batch.format, request)
    with batch.report("photographs", len(jobs) + len(finished)) as report:
        _report_skipped(finished, report)
        return parse_photographs(jobs, parser, _parallel(batch, connection), report)


def _parse_videos(batch: Batch, wanted: Sequence[Job], connect: Callable[[], Connection]) -> set[int]:
    jobs = [job for job in wanted if job.source.is_moving]
    if not jobs:
        return set()
    from pag.cli.video import VideoOptions, parse_video  # noqa: PLC0415 - needs an extra
    from pag.cli.views import choose_view  # noqa: PLC0415

    connection = connect()
    view = choose_view(batch.view, connection.model(batch.request["model"]))
    video_options = VideoOptions(view, batch.options, batch.seconds, _parallel(batch, connection))
    codes = set[int]()
    for job in jobs:
        with batch.report("frames", None) as report:
            codes.add(parse_video(connection.client, job, video_options, report))
    return codes


def _report_skipped(finished: Sequence[Job], report: Report) -> None:
    for job in finished:
        report.skipped(job.source.text)


def _parallel(batch: Batch, connection: Connection) -> int:
    """Requests at a time."""
    return batch.jobs or (1 if "deadline_ms" in batch.options else connection.jobs)


def _check_streams(sources: Sequence[Source], out: str, chosen: Format, *, as_json: bool) -> None:
    if any(source.kind == "stdin" for source in sources) and sys.stdin.isatty():
        raise Stop(USAGE, "- is a photograph on standard input: pag parse - -o maps.npz < photo.jpg")
    if out != STDOUT:
        return
    if as_json:
        raise Stop(USAGE, "--json and -o - both take standard output: give a file or folder to -o")
    if chosen != "json" and sys.stdout.isatty():
        raise Stop(USAGE, "-o - writes bytes that no terminal shows: redirect them, or give a file to -o")


def _print_plan(wanted: Sequence[Job], finished: Sequence[Job], *, as_json: bool) -> None:
    for job in finished:
        line = {"input": job.source.text, "status": "skipped"}
        print(json.dumps(line) if as_json else printable(f"{job.source.text}  skipped"))
    for job in wanted:
        files = [str(path) for path in job.files] or [STDOUT]
        planned = {"input": job.source.text, "status": "planned", "outputs": files}
        print(json.dumps(planned) if as_json else printable(f"{job.source.text} -> {' '.join(files)}"))
