"""A video or camera to a video of maps; reading, parsing and writing of frames overlap."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np

from pag.cli.connection import in_order
from pag.cli.exit_codes import DONE, OVERLOAD, SOME_FAILED, code_of, message_of
from pag.cli.files import whole
from pag.cli.inputs import CAMERA
from pag.cli.outputs import Job
from pag.cli.photographs import report_failure
from pag.cli.report import Report
from pag.cli.video_files import Pixels, Reader, Writer, opened
from pag.cli.views import View
from pag.client import Client, PagError, Parsing
from pag.client.calls import ParseOptions

# One frame of a camera is computed while another is read or written; more would only wait, and grow old.
CAMERA_JOBS = 2
# A file of which a smaller share of the declared frames can be read is broken; many declare a few too many.
MIN_READ_SHARE = 0.9
# Time in seconds and frame uint8 [H,W,3] RGB.
TimedFrame = tuple[float, Pixels]


@dataclass(frozen=True)
class VideoOptions:
    """How videos are parsed: the view, the request's options, and the seconds after which they end."""

    view: View
    request: ParseOptions
    seconds: float | None
    jobs: int


class Recording:
    """The pictures of parsed frames, written to a file as they come, and the counts of frames."""

    def __init__(self, writer: Writer, view: View, *, live: bool) -> None:
        self._writer = writer
        self._view = view
        self._live = live
        self._picture: Pixels | None = None
        self.frames = 0
        self.unanswered = 0
        self.last_error: PagError | None = None
        self.interruption: KeyboardInterrupt | None = None
        #: Number of frames that the file declares, where that is to be checked.
        self.expected: int | None = None
        #: What the video shows otherwise than its source; empty if nothing.
        self.note = ""

    def add(self, timed: TimedFrame, result: Parsing | PagError) -> None:
        """Write the next frame; one that missed its deadline shows the picture before it."""
        seconds, frame = timed
        self.frames += 1
        if isinstance(result, PagError):
            if code_of(result) != OVERLOAD:
                raise result
            self.unanswered += 1
            self.last_error = result
        else:
            self._picture = self._view.draw(frame, result)
        picture = self._picture if self._picture is not None else self._black(frame)
        # A camera gives fewer frames than its rate promises: the video lasts as long as what it shows.
        self._writer.write_until(picture, seconds if self._live else 0)

    def check(self, source: str) -> None:
        """Raise the cause if the video holds no frame or no answer at all."""
        if self.frames == 0:
            raise OSError(0, "no frame of it can be read", source)
        if self.last_error is not None and self.unanswered == self.frames:
            raise self.last_error

    @property
    def shortfall(self) -> tuple[int, str]:
        """The exit code, and a message on frames that are missing or unanswered; empty if none are."""
        if self.expected is not None and self.frames < MIN_READ_SHARE * self.expected:
            rest = self.expected - self.frames
            return SOME_FAILED, f"{rest} of {self.expected} frames cannot be read: the file is cut short"
        if self.last_error is not None:
            message = (
                f"{self.unanswered} of {self.frames} frames have no answer: {message_of(self.last_error)}"
            )
            # With a camera --deadline-ms means just that.
            return DONE if self._live else OVERLOAD, message
        return DONE, ""

    def document(self) -> dict[str, Any]:
        """The counts, as a JSON line tells them."""
        document = {"frames": self.frames, "frames_without_answer": self.unanswered}
        return {**document, "note": self.note} if self.note else document

    def _black(self, frame: Pixels) -> Pixels:
        return np.zeros((*self._view.size(*frame.shape[:2]), 3), np.uint8)


def parse_video(client: Client, job: Job, options: VideoOptions, report: Report) -> int:
    """Parse one video and return its exit code; raises an error that every further input would meet."""
    try:
        recording = _record(client, job, options, report)
    except (PagError, OSError) as error:
        return report_failure(job, error, report)
    document = {"outputs": [str(job.files[0])], **recording.document()}
    code, shortfall = recording.shortfall
    if shortfall and code != DONE:
        report.partial(job.source.text, f"{shortfall}; the others are in {job.files[0]}", document)
    else:
        summary = ", ".join(filter(None, [f"{recording.frames} frames", shortfall, recording.note]))
        report.done(job.source.text, summary, document)
    if recording.interruption is not None:
        raise recording.interruption
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
            for timed, result in _parsed(client, reader, options, live=live):
                recording.add(timed, result)
                if isinstance(result, PagError):
                    report.step(None)
                else:
                    report.step(result.budget.used, result.budget.reason)
        except KeyboardInterrupt as error:
            # That is how a camera ends; half of a file's video is of no use.
            if not live:
                raise
            recording.interruption = error
        recording.check(job.source.text)
        if not live:
            recording.note = _note(reader)
        recording.expected = None if live or options.seconds is not None else reader.count
        _finish(writer, path)
    return recording


def _note(reader: Reader) -> str:
    """A word on a source of variable frame rate, whose frames are written at its mean rate."""
    rate = reader.frames_per_second
    if reader.unevenness_seconds <= 1 / rate:
        return ""
    off = f"{reader.unevenness_seconds:.2g} s off"
    even = f"ffmpeg -i INPUT -r {max(rate, 1):.0f} EVEN.mp4"
    return f"of variable frame rate: written evenly at {rate:.4g} a second, up to {off} (before it: {even})"


def _finish(writer: Writer, path: Path) -> None:
    try:
        writer.finish()
    except OSError as error:
        # Under the file's final name: the temporary one means nothing to people.
        raise OSError(error.errno, error.strerror, str(path)) from error


def _parsed(
    client: Client, reader: Reader, options: VideoOptions, *, live: bool
) -> Iterator[tuple[TimedFrame, Parsing | PagError]]:
    request: ParseOptions = {**options.request, "maps": [info.name for info in options.view.maps]}

    def parse(timed: TimedFrame) -> Parsing | PagError:
        try:
            return client.parse(timed[1], **request)
        except PagError as error:
            return error

    frames: Iterator[TimedFrame] = reader.newest() if live else reader.every()
    if (seconds := options.seconds) is not None:
        frames = takewhile(lambda timed: timed[0] < seconds, frames)
    jobs = min(options.jobs, CAMERA_JOBS) if live else options.jobs
    # Frames of a file may wait, so that no thread of the server ever does.
    return in_order(frames, parse, jobs, jobs if live else 2 * jobs)
