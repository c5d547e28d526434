"""Engine.parse(): decode, fit, infer, bring back, render; admission and threads are bounded here."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Literal, TypeVar

import cv2
import numpy as np
import structlog
from numpy.typing import NDArray

from service.budget import OperatingPoint, operating_point
from service.engine.cancellation import Cancellation
from service.engine.registry import ModelRegistry
from service.engine.session import ModelSession
from service.engine.threads import usable_cpus, workers_of
from service.engine.work import STAGES, Options, Parsed, timed
from service.errors import Cancelled, NotReady, Overloaded, UnknownTask
from service.imaging import decode as decoding
from service.imaging import geometry
from service.manifest import ModelManifest
from service.metrics import Metrics
from service.settings import Settings
from service.sizes import Fit, Size

T = TypeVar("T")
WARM_UP_IMAGE = (480, 640)

log = structlog.get_logger(__name__)


class Engine:
    """Runs images through the models of a registry; at most `max_pending` are admitted at a time."""

    def __init__(self, settings: Settings, registry: ModelRegistry, metrics: Metrics) -> None:
        codecs = settings.codec_threads or usable_cpus()
        self.registry = registry
        self.state: Literal["warming up", "ready", "failed", "stopping"] = "warming up"
        self._settings = settings
        self._metrics = metrics
        self._inference = ThreadPoolExecutor(workers_of(settings), "inference")
        self._codecs = ThreadPoolExecutor(codecs, "codec")
        # A codec thread waits for these, so they are not codec threads themselves.
        self._maps = ThreadPoolExecutor(codecs, "maps")
        self._pending: set[Cancellation] = set()
        self._waiting: set[Cancellation] = set()
        metrics.inflight.set_function(lambda: len(self._pending))
        metrics.queue_depth.set_function(lambda: len(self._waiting))
        self._typical_seconds = 0.1

    def resolve(
        self,
        model: str | None = None,
        tasks: Sequence[str] | None = None,
        budget: float | None = None,
        size: Size | None = None,
        photograph: bool = False,
    ) -> Options:
        """Options with defaults filled in; UnknownModel or UnknownTask for names that are not there."""
        session = self.registry.get(model)
        available = session.manifest.tasks.names()
        wanted = available if tasks is None else tasks
        unknown = [name for name in wanted if name not in available]
        if unknown or not wanted:
            raise UnknownTask(unknown, available)
        if budget is None:
            budget = self._settings.default_budget or session.manifest.budget.default
        ordered = tuple(name for name in available if name in wanted)
        return Options(session, ordered, budget, size or self._settings.default_size, photograph)

    def check_capacity(self) -> None:
        """Raise NotReady or Overloaded if a request would be refused now."""
        if self.state != "ready":
            raise NotReady(f"The server is {self.state}.", retry_after=1)
        if len(self._pending) >= self._settings.max_pending:
            wait = math.ceil(len(self._pending) * self._typical_seconds)
            detail = f"{len(self._pending)} requests are pending, the most this server admits."
            raise Overloaded(detail, retry_after=max(1, wait))

    async def parse(
        self,
        data: bytes,
        options: Options,
        render: Callable[[Parsed, Executor], T],
        cancellation: Cancellation,
    ) -> tuple[Parsed, T]:
        """Parse the encoded image `data` and render the result in a codec thread.

        `render` may spread its work over the executor it is given. Raises a ServiceError: at once if the
        server is full, Cancelled when `cancellation` is used.
        """
        with self._admitted(cancellation):
            try:
                return await self._stages(data, options, render, cancellation)
            except asyncio.CancelledError:
                cancellation.cancel()
                raise

    async def warm_up(self) -> None:
        """Run every model at its floor, each scale and 1, so that no request pays for first-time work."""
        loop = asyncio.get_running_loop()
        try:
            for session in self.registry:
                await loop.run_in_executor(self._inference, _run_once, session)
                manifest = session.manifest
                self._metrics.model_info.labels(manifest.name, manifest.version).set(1)
        except Exception:
            self.state = "failed"
            log.exception("warm_up_failed")
        else:
            self.state = "ready"
            log.info("ready", models=self.registry.names())

    def close(self) -> None:
        """Refuse new work, stop what still runs, and end the threads."""
        self.state = "stopping"
        for cancellation in tuple(self._pending):
            cancellation.cancel()
        for pool in (self._inference, self._codecs, self._maps):
            pool.shutdown(wait=True, cancel_futures=True)

    @contextmanager
    def _admitted(self, cancellation: Cancellation) -> Iterator[None]:
        self.check_capacity()
        self._pending.add(cancellation)
        start = time.perf_counter()
        try:
            yield
            # Shared with all that are pending, so per request it is that much shorter.
            took = (time.perf_counter() - start) / len(self._pending)
            self._typical_seconds += 0.2 * (took - self._typical_seconds)
        finally:
            self._pending.discard(cancellation)

    async def _stages(
        self,
        data: bytes,
        options: Options,
        render: Callable[[Parsed, Executor], T],
        cancellation: Cancellation,
    ) -> tuple[Parsed, T]:
        seconds = dict.fromkeys(STAGES, 0.0)
        photograph, point, image = await self._in_thread(
            self._codecs, "decode", seconds, cancellation, lambda: self._prepare(data, options, seconds)
        )
        self._metrics.budget_requested.observe(point.requested_budget)
        self._metrics.budget_used.observe(point.used_budget)
        outputs = options.session.manifest.tasks.outputs(options.tasks)

        def infer() -> dict[str, NDArray[np.float32]]:
            self._waiting.discard(cancellation)
            with timed(seconds, "inference"):
                return options.session.run(image, [point.network_budget], outputs, cancellation)[0]

        self._waiting.add(cancellation)
        try:
            raw = await self._in_thread(self._inference, "inference", seconds, cancellation, infer)
        finally:
            self._waiting.discard(cancellation)

        def finish() -> tuple[Parsed, T]:
            with timed(seconds, "postprocess"):
                maps = self._bring_back(raw, options, point, cancellation)
            kept = _at_size(photograph.pixels, point.fit, options.size) if options.photograph else None
            parsed = Parsed(
                options.session.manifest, maps, kept, point, photograph.format, options.size, seconds
            )
            return parsed, render(parsed, self._maps)

        answer = await self._in_thread(self._codecs, "encode", seconds, cancellation, finish)
        self._record(point, seconds)
        return answer

    def _prepare(
        self, data: bytes, options: Options, seconds: dict[str, float]
    ) -> tuple[decoding.Photograph, OperatingPoint, NDArray[np.uint8]]:
        manifest = options.session.manifest
        whole = options.photograph and options.size == "input"
        with timed(seconds, "decode"):
            enough = None if whole else _enough_pixels(manifest, options.budget)
            photograph = decoding.decode(data, self._settings.max_pixels, enough)
        with timed(seconds, "preprocess"):
            point = operating_point(manifest, options.budget, photograph.height, photograph.width)
            return photograph, point, geometry.fit(photograph.pixels, point.fit)

    def _bring_back(
        self,
        raw: dict[str, NDArray[np.float32]],
        options: Options,
        point: OperatingPoint,
        cancellation: Cancellation,
    ) -> dict[str, NDArray[Any]]:
        def one(name: str) -> NDArray[Any]:
            task = getattr(options.session.manifest.tasks, name)
            sampling = geometry.plan_sampling(point.fit, options.size, task.stride)
            if name == "semantics":
                return options.session.labels(raw[task.output], sampling, cancellation)
            return RESAMPLE[name](OF_SCALED[name](raw[task.output], point.scale), sampling)

        return dict(zip(options.tasks, self._maps.map(one, options.tasks), strict=True))

    async def _in_thread(
        self,
        pool: Executor,
        stage: str,
        seconds: dict[str, float],
        cancellation: Cancellation,
        work: Callable[[], T],
    ) -> T:
        submitted = time.perf_counter()

        def run() -> T:
            seconds["queue"] += time.perf_counter() - submitted
            cancellation.check()
            return work()

        try:
            return await asyncio.get_running_loop().run_in_executor(pool, run)
        except (Cancelled, asyncio.CancelledError):
            self._metrics.cancelled.labels(stage).inc()
            raise

    def _record(self, point: OperatingPoint, seconds: dict[str, float]) -> None:
        for stage, took in seconds.items():
            self._metrics.stage_seconds.labels(stage).observe(took)
        self._metrics.multiply_adds.labels("spent").inc(point.multiply_adds)
        self._metrics.multiply_adds.labels("saved").inc(point.multiply_adds * (1 / point.share - 1))


OF_SCALED: dict[str, Callable[[NDArray[np.float32], float], NDArray[np.float32]]] = {
    "depth": geometry.depth_of_scaled,
    "normals": geometry.normals_of_scaled,
}
RESAMPLE: dict[str, Callable[[NDArray[np.float32], geometry.Sampling], NDArray[Any]]] = {
    "depth": geometry.resample,
    "normals": geometry.resample_normals,
}


def _at_size(pixels: NDArray[np.uint8], plan: Fit, size: Size) -> NDArray[np.uint8]:
    height, width = plan.target(size)
    if pixels.shape[:2] == (height, width):
        return pixels
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _enough_pixels(manifest: ModelManifest, budget: float) -> int:
    # An image that cannot be served at its row's scale is worked on at a smaller one, which needs fewer.
    return math.ceil(manifest.input.working_pixels * manifest.budget.scales_at(budget)[0] ** 2)


def _run_once(session: ModelSession) -> None:
    manifest = session.manifest
    outputs = manifest.tasks.outputs(manifest.tasks.names())
    for budget in sorted({manifest.budget.floor, *(row.budget for row in manifest.budget.scales), 1.0}):
        point = operating_point(manifest, budget, *WARM_UP_IMAGE)
        image = np.full((1, *point.fit.padded, 3), 127, np.uint8)
        maps = session.run(image, [point.network_budget], outputs, Cancellation())[0]
    if manifest.tasks.semantics is not None:
        task = manifest.tasks.semantics
        sampling = geometry.plan_sampling(point.fit, "input", task.stride)
        session.labels(maps[task.output], sampling, Cancellation())
