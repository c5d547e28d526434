"""The stages of one image as plain functions: decode, preprocess, infer, postprocess, render."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from service.engine.job import Job, Options, Parsed, Stoppable, Together
from service.imaging import decode as decoding
from service.imaging.decode import Photograph
from service.maps import kind_of
from service.model_folder import geometry
from service.model_folder.geometry import ResizePlan, Size
from service.model_folder.operating_point import OperatingPoint, scales_at

Maps = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Feed:
    """One image of a batch, ready for the network."""

    job: Job
    photograph: Photograph
    point: OperatingPoint


def decode(job: Job, max_pixels: int, budget: float) -> Photograph:
    """The photograph of `job`, at no more than the pixels that `budget` needs."""
    with job.progress.timed("decode"):
        if not isinstance(job.source, bytes):
            return Photograph(job.source, job.height, job.width, job.format)
        options = job.options
        whole = options.photograph and options.size == "input"
        return decoding.decode(job.source, max_pixels, None if whole else _enough_pixels(options, budget))


def infer(batch: Sequence[Feed], shared: bool) -> list[Maps]:
    """Raw outputs of each of `batch`, whose jobs share model, outputs and padded size."""
    first = batch[0].job.options
    images = [_preprocess(feed) for feed in batch]
    pixels = images[0] if len(images) == 1 else np.concatenate(images)
    budgets = [feed.point.network_budget for feed in batch]
    stop: Stoppable = batch[0].job.cancellation
    if len(batch) > 1:
        stop = Together([feed.job.cancellation for feed in batch])
    start = time.perf_counter()
    try:
        return first.session.run(pixels, budgets, outputs_of(first), stop, shared=shared)
    finally:
        took = time.perf_counter() - start
        for feed in batch:
            feed.job.progress.seconds["inference"] = took


def finish(
    job: Job, photograph: Photograph, point: OperatingPoint, raw: Maps, pool: Executor
) -> tuple[Parsed, Any]:
    """Maps at the requested size, made of the `raw` outputs, and what the job's `render` makes of them."""
    options = job.options
    with job.progress.timed("postprocess"):
        maps = _bring_back(job, point, raw, pool)
        kept = _at_size(photograph.pixels, point.resize, options.size) if options.photograph else None
    parsed = Parsed(
        options.session.manifest, maps, kept, point, job.format, options.size, job.progress, job.cancellation
    )
    job.cancellation.check()
    return parsed, job.render(parsed, pool)


def answer_bytes(options: Options, height: int, width: int) -> int:
    """Bytes of the requested maps of a photograph [height,width], and so of its answer, seldom more."""
    manifest = options.session.manifest
    pixels = height * width
    if options.size == "model":
        pixels = min(pixels, manifest.input.working_pixels)
    kinds = [kind_of(manifest.map(name)) for name in options.maps]
    maps = sum(np.dtype(kind.array.dtype).itemsize * math.prod(kind.channels) for kind in kinds)
    # An overlay is made of the photograph.
    return pixels * (maps + 3 * options.photograph)


def outputs_of(options: Options) -> list[str]:
    """Outputs of the graph that the requested maps need."""
    return options.session.manifest.outputs(options.maps)


def _preprocess(feed: Feed) -> NDArray[np.uint8]:
    with feed.job.progress.timed("preprocess"):
        return geometry.feed(feed.photograph.pixels, feed.point.resize)


def _bring_back(job: Job, point: OperatingPoint, raw: Maps, pool: Executor) -> dict[str, NDArray[Any]]:
    names = job.options.maps

    def one(name: str, output: str) -> NDArray[Any]:
        job.cancellation.check()
        return _map(job, point, name, raw[output])

    return dict(zip(names, pool.map(one, names, outputs_of(job.options)), strict=True))


def _map(job: Job, point: OperatingPoint, name: str, values: NDArray[np.float32]) -> NDArray[Any]:
    """The map `name` at the requested size, of the output of the graph behind it."""
    options, resize = job.options, point.resize
    sampling = geometry.plan_sampling(resize, options.size, resize.padded[0] // len(values))
    entry = options.session.manifest.map(name)
    whole = kind_of(entry).unscale(values, point.scale)
    return options.session.resample(entry, whole, sampling, job.cancellation)


def _at_size(pixels: NDArray[np.uint8], plan: ResizePlan, size: Size) -> NDArray[np.uint8]:
    height, width = plan.target(size)
    if pixels.shape[:2] == (height, width):
        return pixels
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _enough_pixels(options: Options, budget: float) -> int:
    # An image that cannot be served at its row's scale is worked on at a smaller one, which needs fewer.
    manifest = options.session.manifest
    return math.ceil(manifest.input.working_pixels * scales_at(manifest.budget, budget)[0] ** 2)
