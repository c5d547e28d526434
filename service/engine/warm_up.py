"""The warm-up: runs a model at several budgets: costs are known then, and no request pays for first runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from service.engine.costs import Costs
from service.engine.job import Cancellation, Options
from service.engine.stages import outputs_of
from service.model_folder import geometry
from service.model_folder.operating_point import OperatingPoint

IMAGE = (480, 640)
# Of the sample: an answer's cost is taken to be in proportion to its pixels, so a small one tells it sooner.
SAMPLE = (240, 320)
RUNS = 2
# What the first run of all does beside its work is little against so long a run.
LONG_SECONDS = 0.2


def warm_up(options: Options, costs: Costs) -> Iterator[Callable[[], None]]:
    """Steps that run the session of `options` at its floor, each scale and 1, alone and shared; tell `costs`.

    They are short ones, between which an engine that serves already may answer requests.
    """
    budget = options.session.manifest.budget
    rows = (row.budget for row in budget.scales)
    budgets = sorted(b for b in {budget.floor, *rows, 0.5, 0.75, 1.0} if b >= budget.floor)
    points = [options.session.point(budget, *IMAGE) for budget in budgets]
    for shared in (False, True):
        measured: list[tuple[float, float]] = []
        for point in points:
            yield partial(_measure, options, point, shared, measured)
        costs.seed(options, shared, measured)
    yield partial(_resample, options, points[-1])


def sample_photograph() -> bytes:
    """A JPEG of soft grain, decoded and answered about as slowly as a photograph."""
    rng = np.random.default_rng(0)
    grain = cv2.GaussianBlur(rng.integers(0, 256, (*SAMPLE, 3), np.uint8), (0, 0), 3)
    return cv2.imencode(".jpg", cv2.normalize(grain, None, 0, 255, cv2.NORM_MINMAX))[1].tobytes()  # type: ignore[call-overload]


def _measure(
    options: Options, point: OperatingPoint, shared: bool, measured: list[tuple[float, float]]
) -> None:
    measured.append((float(point.multiply_adds), _seconds(options, point, shared)))


def _seconds(options: Options, point: OperatingPoint, shared: bool) -> float:
    """Time of the quickest run: the first one also sets memory aside."""
    image = _grey(point)
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        options.session.run(image, [point.network_budget], outputs_of(options), Cancellation(), shared=shared)
        times.append(time.perf_counter() - start)
        if times[-1] > LONG_SECONDS:
            break
    return min(times)


def _resample(options: Options, point: OperatingPoint) -> None:
    session, stop = options.session, Cancellation()
    (raw,) = session.run(_grey(point), [point.network_budget], outputs_of(options), stop)
    for name in options.maps:
        entry = session.manifest.map(name)
        sampling = geometry.plan_sampling(point.resize, "input", entry.stride)
        session.resample(entry, raw[entry.output], sampling, stop)


def _grey(point: OperatingPoint) -> NDArray[np.uint8]:
    return np.full((1, *point.resize.padded, 3), 127, np.uint8)
