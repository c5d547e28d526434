"""Video files and cameras by OpenCV: a reader of frames and a writer of pictures."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
# Codec by ending of the file: those that OpenCV's own packages can encode.
CODECS = {".avi": "MJPG", ".webm": "VP80"}
DEFAULT_CODEC = "mp4v"
# Of files and cameras that do not say.
DEFAULT_FRAMES_PER_SECOND = 30.0


class Reader:
    """An open video or camera; OSError names what cannot be opened."""

    def __init__(self, text: str) -> None:
        # This command reports errors itself, once.
        os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
        cv2.utils.logging.setLogLevel(0)
        self._capture = cv2.VideoCapture(int(text) if text.isdecimal() else text)
        if not self._capture.isOpened():
            self._capture.release()
            is_file = Path(text).is_file()
            why = "another format, or a broken file" if is_file else "is another program using the camera?"
            raise OSError(0, f"it cannot be opened as a video: {why}", text)
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self.frames_per_second = rate if 0 < rate <= 1000 else DEFAULT_FRAMES_PER_SECOND
        #: By how much the time of a frame read so far differs at most from that of an even rate.
        self.unevenness_seconds = 0.0
        count = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        #: Number of frames that the file declares; None if it declares none.
        self.count = int(count) if count > 0 else None

    def every(self) -> Iterator[tuple[float, Pixels]]:
        """All frames in order, uint8 [H,W,3] RGB, each with its time in seconds from the first."""
        number = 0
        while (frame := self._read()) is not None:
            shown = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            self.unevenness_seconds = max(
                self.unevenness_seconds, abs(shown - number / self.frames_per_second)
            )
            yield number / self.frames_per_second, frame
            number += 1

    def newest(self) -> Iterator[tuple[float, Pixels]]:
        """At each step the newest frame, older ones dropped; each with its time in seconds from the first."""
        source = _NewestFrames(self._read)
        try:
            yield from source
        finally:
            source.stop()

    def close(self) -> None:
        """Release the file or camera."""
        self._capture.release()

    def _read(self) -> Pixels | None:
        is_read, frame = self._capture.read()
        return np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), np.uint8) if is_read else None


class _NewestFrames:
    """A thread that reads as fast as frames come, and keeps the newest."""

    def __init__(self, read: Callable[[], Pixels | None]) -> None:
        self._read = read
        self._kept: tuple[float, Pixels] | None = None
        self._ended = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="camera", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[tuple[float, Pixels]]:
        begun: float | None = None
        while (kept := self._take()) is not None:
            begun = kept[0] if begun is None else begun
            yield kept[0] - begun, kept[1]

    def stop(self) -> None:
        """End the thread."""
        self._ended = True
        self._thread.join(1.0)

    def _take(self) -> tuple[float, Pixels] | None:
        with self._changed:
            # Woken now and then: a wait without end would hold back Ctrl-C.
            while self._kept is None and not self._ended:
                self._changed.wait(0.1)
            kept, self._kept = self._kept, None
            return kept

    def _run(self) -> None:
        while not self._ended and (frame := self._read()) is not None:
            with self._changed:
                self._kept = (time.monotonic(), frame)
                self._changed.notify()
        with self._changed:
            self._ended = True
            self._changed.notify()


@contextmanager
def opened(text: str) -> Iterator[Reader]:
    """The open video or camera, released at the end."""
    reader = Reader(text)
    try:
        yield reader
    finally:
        reader.close()


def count_frames(path: Path, expected: int) -> int:
    """Number of frames in a video file: from its index if that says `expected`, else counted."""
    capture = cv2.VideoCapture(str(path))
    try:
        if capture.get(cv2.CAP_PROP_FRAME_COUNT) == expected and capture.grab():
            return expected
    finally:
        capture.release()
    return _counted(path)


def _counted(path: Path) -> int:
    capture = cv2.VideoCapture(str(path))
    count = 0
    while capture.grab():
        count += 1
    capture.release()
    return count


class Writer:
    """A video file of pictures, which all have the size of the first one."""

    def __init__(self, path: Path, frames_per_second: float) -> None:
        self._path = path
        self._rate = frames_per_second
        self._file: cv2.VideoWriter | None = None
        self.written = 0

    def write(self, picture: Pixels) -> None:
        """Write one picture uint8 [H,W,3] RGB; OSError if the file cannot be written."""
        if self._file is None:
            self._file = self._open(picture)
        picture = _even(picture)
        self._file.write(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        self.written += 1

    def write_until(self, picture: Pixels, seconds: float) -> None:
        """Write the picture as often as the video needs to last `seconds`, at least once."""
        self.write(picture)
        while self.written < seconds * self._rate:
            self.write(picture)

    def finish(self) -> None:
        """Finish the file; OSError if it does not hold all pictures, which OpenCV never says by itself."""
        self.close()
        if (found := count_frames(self._path, self.written)) != self.written:
            raise OSError(
                0,
                f"only {found} of {self.written} frames could be written: is there space left on the disk?",
                str(self._path),
            )

    def close(self) -> None:
        """Close the file as it is."""
        if self._file is not None:
            self._file.release()

    def _open(self, picture: Pixels) -> cv2.VideoWriter:
        code = cv2.VideoWriter.fourcc(*CODECS.get(self._path.suffix.lower(), DEFAULT_CODEC))
        height, width = _even(picture).shape[:2]
        file = cv2.VideoWriter(str(self._path), code, self._rate, (width, height))
        if not file.isOpened():
            raise OSError(0, "it cannot be written as a video: take .mp4, .mkv or .avi", str(self._path))
        return file


def _even(picture: Pixels) -> Pixels:
    """The picture with its last row and column doubled where their number is odd.

    Codecs halve the resolution of colour, and OpenCV would cut an odd row or column off.
    """
    height, width = picture.shape[:2]
    if height % 2 == width % 2 == 0:
        return picture
    return np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
