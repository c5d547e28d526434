"""The engine: the one entry to all models, whoever calls; it resolves names and counts requests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import product
from typing import Any, Literal, TypeVar, cast

import numpy as np
import structlog
from numpy.typing import NDArray

from service.engine.brownout import PERIOD_SECONDS
from service.engine.clock import every
from service.engine.costs import RAW, Costs
from service.engine.job import DEFAULT_PRIORITY, Cancellation, Job, Options, Parsed, Render
from service.engine.memory import Lease, Memory
from service.engine.models import ModelRegistry, ModelSession
from service.engine.resources import Resources
from service.engine.scheduler import Scheduler
from service.engine.stages import answer_bytes
from service.engine.warm_up import RUNS, sample_photograph, warm_up
from service.errors import (
    InvalidParameter,
    NotReady,
    Overloaded,
    ServiceError,
    UnknownMap,
)
from service.imaging import decode as decoding
from service.model_folder.geometry import Size
from service.model_folder.operating_point import Reason
from service.settings import Settings
from service.telemetry.metrics import Metrics

T = TypeVar("T")
# The header of so small a JPEG takes some 30 microseconds, far less than a thread's turn, and at most a
# millisecond; other formats may have thousands of blocks before their pixels.
INLINE_BYTES = 2**18
# Between attempts at a warm-up that fails.
FIRST_PAUSE_SECONDS, MOST_PAUSE_SECONDS = 1.0, 30.0
State = Literal["warming up", "ready", "failed", "stopping"]

log = structlog.get_logger(__name__)


class Engine:
    """Runs images through the models of a registry, which may be filled later."""

    def __init__(
        self, settings: Settings, resources: Resources, registry: ModelRegistry, metrics: Metrics
    ) -> None:
        self.registry = registry
        self.resources = resources
        self.state: State = "warming up"
        self._settings = settings
        self._metrics = metrics
        self._costs = Costs(metrics)
        self._scheduler = Scheduler(settings, resources, self._costs, metrics)
        # Headers are read in a moment, which must not wait behind whole images.
        self._headers = ThreadPoolExecutor(1, "header")
        self._pending = 0
        self.memory = Memory(resources.memory_bytes)
        metrics.held_bytes.set_function(lambda: self.memory.held_bytes)
        metrics.inflight.set_function(lambda: self._pending)

    def resolve(
        self,
        model: str | None = None,
        maps: Sequence[str] | None = None,
        budget: float | None = None,
        size: Size | None = None,
        photograph: bool = False,
        *,
        min_budget: float | None = None,
        deadline: float | None = None,
        priority: int = DEFAULT_PRIORITY,
        representation: str = "",
    ) -> Options:
        """Options with defaults filled in; `maps` are names of maps, the model's default ones if None.

        Raises UnknownModel or UnknownMap for names that are not there, InvalidParameter for a `min_budget`
        above the budget, NotReady before any model is loaded.
        """
        session = self.registry.get(model)
        available = session.manifest.map_names()
        wanted = session.manifest.default_map_names() if maps is None else maps
        unknown = [name for name in wanted if name not in available]
        if unknown or not wanted:
            raise UnknownMap(unknown, available)
        requested_by: Reason = "default" if budget is None else "client"
        if budget is None:
            budget = self._settings.default_budget or session.manifest.budget.default
        if min_budget is not None and min_budget > budget:
            raise InvalidParameter(
                f"min_budget={min_budget:g} is above the budget {budget:g}: lower it or raise the budget."
            )
        ordered = tuple(name for name in available if name in wanted)
        return Options(
            session,
            ordered,
            budget,
            size or self._settings.default_size,
            photograph,
            min_budget,
            requested_by,
            deadline,
            priority,
            representation,
        )

    def check_capacity(self, options: Options | None = None) -> None:
        """Raise NotReady or Overloaded if a request would be refused; with `options` also for its wait.

        To be called before a body is read: a place is taken only once it is there.
        """
        self._check_ready()
        if self._pending >= self._settings.max_pending:
            raise Overloaded(f"{self._pending} requests are pending, the most this server holds.", 1)
        if options is not None:
            self._scheduler.refuse_if_full(options)

    def _check_ready(self) -> None:
        if self.state != "ready":
            raise NotReady(f"The server is {self.state}.", retry_after=1)

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """Count a request as pending, once its body is read; NotReady or Overloaded where none fits."""
        self.check_capacity()
        self._pending += 1
        try:
            yield
        finally:
            self._pending -= 1

    async def parse(
        self,
        source: bytes | NDArray[np.uint8],
        options: Options,
        render: Callable[[Parsed, Executor], T],
        cancellation: Cancellation,
        lease: Lease,
    ) -> tuple[Parsed, T]:
        """Parse an encoded image or pixels uint8 [H,W,3] and render the result in a codec thread.

        `lease` grows by the size of the maps: the caller settles it to the size of the answer. Where that is
        too much, AnswerTooLarge or Overloaded.
        `render` may spread its work over the executor it is given. Raises a ServiceError: at once if waiting
        is hopeless, Cancelled when `cancellation` is used, DeadlineExceeded when the time is over.
        """
        self._check_ready()
        manifest, begun = options.session.manifest, time.perf_counter()
        try:
            parsed, rendered = await self._parse(source, options, render, cancellation, lease)
        except ServiceError:
            model, took = (manifest.name, manifest.version), time.perf_counter() - begun
            self._metrics.images.labels(*model, "failed").inc()
            self._metrics.model_seconds.labels(*model, "failed").inc(took)
            raise
        self._record(parsed)
        return parsed, cast(T, rendered)

    async def _parse(
        self,
        source: bytes | NDArray[np.uint8],
        options: Options,
        render: Render,
        cancellation: Cancellation,
        lease: Lease,
    ) -> tuple[Parsed, Any]:
        arrived = time.perf_counter()
        header = await self._header(source)
        lease.grow_for_answer(answer_bytes(options, header.height, header.width))
        limit = arrived + self._settings.timeout_seconds
        job = Job(
            source,
            options,
            render,
            cancellation,
            header.format,
            header.height,
            header.width,
            arrived,
            due=limit if options.deadline is None else min(options.deadline, limit),
        )
        try:
            return await self._scheduler.submit(job)
        except asyncio.CancelledError:
            cancellation.cancel()
            raise
        finally:
            # An error's traceback holds this frame.
            del job

    async def run_clock(self) -> None:
        """Let the brown-out follow the load until cancelled; without it nothing recovers from a burst."""
        if self._settings.brownout:
            await every(PERIOD_SECONDS, self.tick)

    def tick(self, now: float) -> None:
        """One tick of the clock; `now` as of time.perf_counter()."""
        self._scheduler.tick(now)

    async def warm_up(self, answers: Mapping[str, Render] | None = None) -> None:
        """Warm up every model, and the making of `answers` by their representations; ready afterwards.

        A failure is tried again until it heals: it may come of a moment's want of files or memory.
        """
        pause = FIRST_PAUSE_SECONDS
        while not await self._warmed_up(answers or {}):
            await asyncio.sleep(pause)
            pause = min(2 * pause, MOST_PAUSE_SECONDS)

    async def _warmed_up(self, answers: Mapping[str, Render]) -> bool:
        try:
            for session in self.registry:
                await self.warm(session)
                await self._try_answers(session, answers)
                manifest = session.manifest
                self._metrics.model_info.labels(manifest.name, manifest.version).set(1)
        except Exception:
            self.state = "failed"
            log.exception("warm_up_failed")
            return False
        self.state = "ready"
        log.info("ready", models=self.registry.names())
        return True

    async def warm(self, session: ModelSession) -> None:
        """Run one model at several budgets and learn what they cost, whether it serves yet or not."""
        options = Options(session, session.manifest.default_map_names(), 1.0, "input")
        loop = asyncio.get_running_loop()
        for step in warm_up(options, self._costs):
            await loop.run_in_executor(self._scheduler.inference_pool, step)

    async def _try_answers(self, session: ModelSession, answers: Mapping[str, Render]) -> None:
        photograph, maps = sample_photograph(), session.manifest.default_map_names()
        for (representation, render), _ in product(answers.items(), range(RUNS)):
            options = Options(session, maps, 1.0, "input", min_budget=1.0, representation=representation)
            # Narrow limits may refuse it, which is no reason not to serve: costs are then learned later.
            with suppress(ServiceError):
                await self._parse(photograph, options, render, Cancellation(), self.memory.lease())

    def close(self) -> None:
        """Refuse new work, stop what still runs, and end the threads."""
        self.state = "stopping"
        self._scheduler.stop()
        self._scheduler.close()
        self._headers.shutdown(wait=True, cancel_futures=True)

    async def _header(self, source: bytes | NDArray[np.uint8]) -> decoding.Header:
        limit = self._settings.max_pixels
        if not isinstance(source, bytes):
            height, width = source.shape[:2]
            decoding.check_size(height, width, limit)
            return decoding.Header(RAW, height, width)
        if len(source) <= INLINE_BYTES and decoding.is_jpeg(source):
            return decoding.open_header(source, limit)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._headers, decoding.open_header, source, limit)

    def _record(self, parsed: Parsed) -> None:
        point, metrics = parsed.point, self._metrics
        model = (parsed.manifest.name, parsed.manifest.version)
        metrics.images.labels(*model, "answered").inc()
        metrics.last_answer.labels(*model).set_to_current_time()
        for stage, took in parsed.seconds.items():
            metrics.stage_seconds.labels(stage).observe(took)
            metrics.model_seconds.labels(*model, stage).inc(took)
        metrics.budget_requested.observe(point.requested_budget)
        metrics.budget_used.observe(point.used_budget)
        metrics.budget_reason.labels(point.reason).inc()
        metrics.multiply_adds.labels("spent").inc(point.multiply_adds)
        metrics.multiply_adds.labels("saved").inc(point.multiply_adds * (1 / point.share - 1))
        kept, total = point.pixels
        metrics.pixels.labels("kept").inc(kept)
        metrics.pixels.labels("skipped").inc(total - kept)
