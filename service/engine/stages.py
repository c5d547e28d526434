"""The stages of one image as plain functions: decode, fit, infer, bring back, render. No queues here."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from service.engine.cancellation import Stoppable, Together
from service.engine.job import Job, Options, Parsed, timed
from service.imaging import decode as decoding
from service.maps import kind_of
from service.model_folder import geometry
from service.model_folder.resize import ResizePlan, Size

Maps = dict[str, NDArray[np.float32]]


def decode(job: Job, max_pixels: int, budget: float) -> decoding.Photograph:
    """The photograph of `job`, at no more than the pixels that `budget` needs."""
    with timed(job.seconds, "decode"):
        if not isinstance(job.source, bytes):
            return decoding.Photograph(job.source, job.height, job.width, job.format)
        options = job.options
        whole = options.photograph and options.size == "input"
        return decoding.decode(job.source, max_pixels, None if whole else _enough_pixels(options, budget))


def infer(jobs: Sequence[Job], shared: bool) -> list[Maps]:
    """Raw outputs of each of `jobs`, which share model, outputs and padded size."""
    first = jobs[0].options
    images = [_fit(job) for job in jobs]
    batch = images[0] if len(images) == 1 else np.concatenate(images)
    budgets = [job.point.network_budget for job in jobs if job.point is not None]
    stop: Stoppable = jobs[0].cancellation
    if len(jobs) > 1:
        stop = Together([job.cancellation for job in jobs])
    start = time.perf_counter()
    try:
        return first.session.run(batch, budgets, outputs_of(first), stop, shared=shared)
    finally:
        took = time.perf_counter() - start
        for job in jobs:
            job.seconds["inference"] = took


def finish(job: Job, raw: Maps, pool: Executor) -> tuple[Parsed, Any]:
    """Maps at the size asked for, and what the door's `render` makes of them."""
    options, point, photograph = job.options, job.point, job.photograph
    assert point is not None and photograph is not None
    with timed(job.seconds, "postprocess"):
        maps = _bring_back(job, raw, pool)
        kept = _at_size(photograph.pixels, point.resize, options.size) if options.photograph else None
    parsed = Parsed(
        options.session.manifest,
        maps,
        kept,
        point,
        job.format,
        options.size,
        job.seconds,
        job.cancellation,
    )
    job.cancellation.check()
    return parsed, job.render(parsed, pool)


def outputs_of(options: Options) -> list[str]:
    """Outputs of the graph that the maps need."""
    return options.session.manifest.outputs(options.tasks)


def _fit(job: Job) -> NDArray[np.uint8]:
    assert job.photograph is not None and job.point is not None
    with timed(job.seconds, "preprocess"):
        return geometry.feed(job.photograph.pixels, job.point.resize)


def _bring_back(job: Job, raw: Maps, pool: Executor) -> dict[str, NDArray[Any]]:
    tasks = job.options.tasks

    def one(name: str, output: str) -> NDArray[Any]:
        job.cancellation.check()
        return _map(job, name, raw[output])

    return dict(zip(tasks, pool.map(one, tasks, outputs_of(job.options)), strict=True))


def _map(job: Job, name: str, values: NDArray[np.float32]) -> NDArray[Any]:
    """The map `name` at the size asked for, of the output of the graph behind it."""
    options, point = job.options, job.point
    assert point is not None
    sampling = geometry.plan_sampling(point.resize, options.size, point.resize.padded[0] // len(values))
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
    return math.ceil(manifest.input.working_pixels * manifest.budget.scales_at(budget)[0] ** 2)
