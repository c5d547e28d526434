"""Frames per second of a 640x480 clip through the client and through the stream, at several budgets.

    python -m benchmarks.clip

Client, stream and service share the machine, as on a robot. A round takes every mode at every budget in turn;
the result is the median over the rounds, and their range.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np

from benchmarks.common import conditions, parser_of, save
from benchmarks.running_service import running_service
from pag import Client

PHOTOGRAPH = Path("service/page/samples/room.jpg")
BUDGETS = (0.3, 0.5, 1.0)
HEIGHT, WIDTH = 480, 640
FRAMES = 60
CAMERA_RATE = 30.0
IN_FLIGHT = 3
QUALITY = 90


@dataclass
class Run:
    """Frames that one mode answered in some seconds."""

    seconds: float
    answered: int = 0
    offered: int = 0
    ages: list[float] = field(default_factory=list)

    def figures(self) -> dict[str, float]:
        """Frames per second; for a camera also the age of the maps in milliseconds, and the share dropped."""
        figures = {"frames_per_second": self.answered / self.seconds}
        if self.ages:
            figures["age_p50_ms"] = 1000 * float(np.quantile(self.ages, 0.5))
            figures["age_p95_ms"] = 1000 * float(np.quantile(self.ages, 0.95))
            figures["dropped"] = 1 - self.answered / self.offered
        return figures


def clip() -> list[bytes]:
    """A camera that pans over the sample room: JPEG frames of 640x480."""
    pixels: Any = cv2.imread(str(PHOTOGRAPH))
    scale = max(1.25 * HEIGHT / pixels.shape[0], 1.25 * WIDTH / pixels.shape[1])
    wide = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    down, right = wide.shape[0] - HEIGHT, wide.shape[1] - WIDTH
    frames = []
    for place in np.linspace(0, 1, FRAMES):
        top, left = round(place * down), round(place * right)
        crop = wide[top : top + HEIGHT, left : left + WIDTH]
        frames.append(cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes())
    return frames


def endless(frames: list[bytes], until: float) -> Iterator[bytes]:
    """The frames over and over until that instant."""
    number = 0
    while time.perf_counter() < until:
        yield frames[number % len(frames)]
        number += 1


def one_at_a_time(client: Client, frames: list[bytes], budget: float, seconds: float) -> Run:
    """POST /parse, the next frame when the maps are there."""
    start = time.perf_counter()
    answered = sum(1 for frame in endless(frames, start + seconds) if parsed(client, frame, budget))
    return Run(time.perf_counter() - start, answered)


def in_flight(client: Client, frames: list[bytes], budget: float, seconds: float) -> Run:
    """The same with several requests on their way, as for a recorded video."""
    start = time.perf_counter()
    with ThreadPoolExecutor(IN_FLIGHT) as pool:

        def work(offset: int) -> int:
            turned = frames[offset:] + frames[:offset]
            return sum(1 for frame in endless(turned, start + seconds) if parsed(client, frame, budget))

        answered = sum(pool.map(work, range(0, IN_FLIGHT * 7, 7)))
    return Run(time.perf_counter() - start, answered)


def parsed(client: Client, frame: bytes, budget: float) -> bool:
    """Whether the frame was parsed, at just that budget."""
    return bool(client.parse(frame, budget=budget, min_budget=budget).maps)


def streamed(client: Client, frames: list[bytes], budget: float, seconds: float) -> Run:
    """The stream, frames sent as fast as they are taken: the newest wins."""
    return _stream(client, endless(frames, time.perf_counter() + seconds), budget, "npz")


def overlaid(client: Client, frames: list[bytes], budget: float, seconds: float) -> Run:
    """The same, answered by the overlay as PNG, for a person to look at."""
    return _stream(client, endless(frames, time.perf_counter() + seconds), budget, "overlay")


def camera(client: Client, frames: list[bytes], budget: float, seconds: float) -> Run:
    """A camera of 30 frames a second on the stream; a map's age counts from its frame's instant."""
    sent: list[float] = []

    def paced() -> Iterator[bytes]:
        start = time.perf_counter()
        for frame in endless(frames, start + seconds):
            time.sleep(max(0.0, start + len(sent) / CAMERA_RATE - time.perf_counter()))
            sent.append(time.perf_counter())
            yield frame

    run = _stream(client, paced(), budget, "npz", sent)
    run.offered = len(sent)
    return run


def _stream(
    client: Client, frames: Iterator[bytes], budget: float, answer: Any, sent: list[float] | None = None
) -> Run:
    start, run = time.perf_counter(), Run(0.0)
    for frame in client.stream(frames, budget=budget, min_budget=budget, answer=answer):
        run.answered += frame.problem is None
        if sent is not None:
            run.ages.append(time.perf_counter() - sent[frame.number])
    run.seconds = time.perf_counter() - start
    return run


MODES: dict[str, Callable[[Client, list[bytes], float, float], Run]] = {
    "client, one at a time": one_at_a_time,
    f"client, {IN_FLIGHT} in flight": in_flight,
    "stream, npz": streamed,
    "stream, overlay": overlaid,
    "stream, camera of 30 a second": camera,
}


def measure(rounds: int, seconds: float) -> list[dict[str, Any]]:
    """One row per mode and budget."""
    frames = clip()
    runs: dict[tuple[str, float], list[dict[str, float]]] = {}
    with running_service() as server, Client(server.url) as client:
        for budget in BUDGETS:
            one_at_a_time(client, frames, budget, 1.0)
        for _ in range(rounds):
            for mode, work in MODES.items():
                for budget in BUDGETS:
                    runs.setdefault((mode, budget), []).append(
                        work(client, frames, budget, seconds).figures()
                    )
    return [{"mode": mode, "budget": budget, **summary(kept)} for (mode, budget), kept in runs.items()]


def summary(runs: list[dict[str, float]]) -> dict[str, float]:
    """Medians over the rounds, and the range of the rate."""
    rates = [run["frames_per_second"] for run in runs]
    medians = {name: round(median(run[name] for run in runs), 3) for name in runs[0]}
    return medians | {"least": round(min(rates), 2), "most": round(max(rates), 2)}


def main() -> None:
    """Runs the command line."""
    parser = parser_of(__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="per mode, budget and round")
    arguments = parser.parse_args()
    rows = measure(arguments.rounds, arguments.seconds)
    for row in rows:
        more = f", age {row['age_p50_ms']:.0f} ms" if "age_p50_ms" in row else ""
        print(f"{row['mode']:30} budget {row['budget']:<4} {row['frames_per_second']:6.1f} frames/s{more}")
    result = conditions(rounds=arguments.rounds, seconds=arguments.seconds, size=[HEIGHT, WIDTH], rows=rows)
    print(save("clip", result))


if __name__ == "__main__":
    main()
