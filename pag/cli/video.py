"""A video or camera to a video of maps, several frames at a time: reading, parsing and writing overlap."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np

from pag.cli.exit_codes import DONE, OVERLOAD, SOME_FAILED, code_of, told
from pag.cli.files import whole
from pag.cli.frames import Pixels, Reader, Writer, opened
from pag.cli.inputs import CAMERA
from pag.cli.outputs import Job
from pag.cli.photographs import fail
from pag.cli.report import Report
from pag.cli.views import TASKS, View, draw, drawn_size
from pag.cli.workers import in_order
from pag.client import Client, PagError, Parsing
from pag.client.calls import ParseOptions

# One frame of a camera is computed while another is read or written; more would only wait, and grow old.
CAMERA_JOBS = 2

# Less of the frames that a file speaks of, and it is broken; many speak of a few too many.
LEAST_READ = 0.9

Timed = tuple[float, Pixels]


@dataclass(frozen=True)
class VideoOptions:
    """What to make of videos: the view, how it is asked for, and how long at most."""

    view: View
    ask: ParseOptions
    seconds: float | None
    jobs: int


class Recording:
    """Pictures of parsed frames on their way into a file."""

    def __init__(self, writer: Writer, view: View, *, live: bool) -> None:
        self._writer = writer
        self._view = view
        self._live = live
        self._picture: Pixels | None = None
        self.frames = 0
        self.missed = 0
        self.why: PagError | None = None
        self.interrupted = False
        #: Frames that there should be, where that is known.
        self.expected: int | None = None

    def add(self, timed: Timed, came: Parsing | PagError) -> None:
        """The next frame; one that came too late to be parsed shows the maps before it."""
        seconds, frame = timed
        self.frames += 1
        if isinstance(came, PagError):
            if code_of(came) != OVERLOAD:
                raise came
            self.missed += 1
            self.why = came
        else:
            self._picture = draw(self._view, frame, came)
        picture = self._picture if self._picture is not None else self._black(frame)
        # A camera gives fewer frames than its rate promises: the video lasts as long as what it shows.
        self._writer.write_until(picture, seconds if self._live else 0)

    def check(self, source: str) -> None:
        """A video without a single map is none: raises why there is none."""
        if self.frames == 0:
            raise OSError(0, "no frame of it can be read", source)
        if self.why is not None and self.missed == self.frames:
            raise self.why

    @property
    def lack(self) -> tuple[int, str]:
        """The exit code, and what is not in it."""
        if self.expected is not None and self.frames < LEAST_READ * self.expected:
            rest = self.expected - self.frames
            return SOME_FAILED, f"{rest} of {self.expected} frames cannot be read: the file is cut short"
        if self.why is not None:
            said = f"{self.missed} of {self.frames} frames have no answer: {told(self.why)}"
            # From a camera that is what --deadline-ms asks for.
            return DONE if self._live else OVERLOAD, said
        return DONE, ""

    def document(self) -> dict[str, Any]:
        """What is told of it."""
        return {"frames": self.frames, "frames_without_answer": self.missed}

    def _black(self, frame: Pixels) -> Pixels:
        return np.zeros((*drawn_size(self._view, *frame.shape[:2]), 3), np.uint8)


def parse_video(client: Client, job: Job, options: VideoOptions, report: Report) -> int:
    """Parse one video; its exit code. Stop if the server says that no input will ever do."""
    try:
        recording = _record(client, job, options, report)
    except (PagError, OSError) as error:
        return fail(job, error, report)
    document = {"outputs": [str(job.files[0])], **recording.document()}
    code, lack = recording.lack
    if lack and code != DONE:
        report.partial(job.source.text, f"{lack}; the others are in {job.files[0]}", document)
    else:
        said = f"{recording.frames} frames" + (f", {lack}" if lack else "")
        report.done(job.source.text, said, document)
    if recording.interrupted:
        raise KeyboardInterrupt
    return code


def _record(client: Client, job: Job, options: VideoOptions, report: Report) -> Recording:
    live, path = job.source.kind == "camera", job.files[0]
    with ExitStack() as stack:
        reader = stack.enter_context(opened(job.source.text.removeprefix(CAMERA)))
        report.expect(None if live else reader.count)
        writer = Writer(stack.enter_context(whole(path, path.suffix)), reader.frames_per_second)
        stack.callback(writer.close)
        recording = Recording(writer, options.view, live=live)
        try:
            for timed, came in _parsed(client, reader, options, live=live):
                recording.add(timed, came)
                if isinstance(came, PagError):
                    report.step(None)
                else:
                    report.step(came.budget.used, came.budget.reason)
        except KeyboardInterrupt:
            # That is how a camera ends; half of a file's video is of no use.
            if not live:
                raise
            recording.interrupted = True
        recording.check(job.source.text)
        recording.expected = None if live or options.seconds is not None else reader.count
        _finish(writer, path)
    return recording


def _finish(writer: Writer, path: Path) -> None:
    try:
        writer.finish()
    except OSError as error:
        # People know the file by the name that it was to have.
        raise OSError(error.errno, error.strerror, str(path)) from error


def _parsed(
    client: Client, reader: Reader, options: VideoOptions, *, live: bool
) -> Iterator[tuple[Timed, Parsing | PagError]]:
    ask: ParseOptions = {**options.ask, "maps": TASKS[options.view]}

    def parse(timed: Timed) -> Parsing | PagError:
        try:
            return client.parse(timed[1], **ask)
        except PagError as error:
            return error

    frames: Iterator[Timed] = reader.newest() if live else reader.every()
    if (seconds := options.seconds) is not None:
        frames = takewhile(lambda timed: timed[0] < seconds, frames)
    jobs = min(options.jobs, CAMERA_JOBS) if live else options.jobs
    # Frames of a file may wait, so that no thread of the server ever does.
    return in_order(frames, parse, jobs, jobs if live else 2 * jobs)
