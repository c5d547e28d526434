"""The reloader: takes over changes of the weights folder while requests go on being answered."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import threading
import weakref
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import structlog

from service.engine.clock import background
from service.engine.engine import Engine
from service.engine.folder_scan import FolderScan
from service.engine.loading import load_session
from service.engine.models import ModelSession
from service.errors import StartupError
from service.model_folder.files import read_model
from service.model_folder.manifest import ModelManifest
from service.settings import Settings
from service.telemetry.metrics import Metrics

# Between the two scans that a signal asks for: whoever writes file by file is seen at it.
SETTLE_SECONDS = 0.2

log = structlog.get_logger(__name__)


@asynccontextmanager
async def watching(settings: Settings, engine: Engine, metrics: Metrics) -> AsyncIterator[None]:
    """Meanwhile scan for changes every `reload_seconds`, and at once when the process gets SIGHUP."""
    reloader = Reloader(settings, engine, metrics)
    async with background(reloader.run()):
        with _at_hangup(reloader):
            yield


class Reloader:
    """Loads changed models one at a time, so that memory holds at most one model too many."""

    def __init__(self, settings: Settings, engine: Engine, metrics: Metrics) -> None:
        self._settings = settings
        self._engine = engine
        self._registry = engine.registry
        self._metrics = metrics
        self._scan = FolderScan(settings.weights, engine.registry.folders)
        # The model of each folder that serves; what is in the folder now may have been refused.
        self._names = dict(engine.registry.folders)
        self._namesakes: set[Path] = set()
        self._lost = False
        self._requested = asyncio.Event()

    def ask(self) -> None:
        """Scan at once."""
        self._requested.set()

    async def run(self) -> None:
        """Scan again and again, until cancelled."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._requested.wait(), self._settings.reload_seconds or None)
            try:
                await self._scan_as_requested()
            except Exception:
                log.exception("reload_failed", weights=str(self._settings.weights))

    async def _scan_as_requested(self) -> None:
        # A changed folder may heal a warm-up that failed.
        if self._engine.state not in ("ready", "failed"):
            # A signal is kept until there is something to compare with.
            await asyncio.sleep(SETTLE_SECONDS)
            return
        if self._requested.is_set():
            self._requested.clear()
            await self.scan()
            await asyncio.sleep(SETTLE_SECONDS)
        await self.scan()

    async def scan(self) -> None:
        """Take over every change that the last scan has already seen."""
        changes = await asyncio.to_thread(self._scan.scan)
        if changes is None:
            self._report_lost()
            return
        self._lost = False
        freed = {folder for folder in self._namesakes if folder in self._scan and changes.gone}
        for folder in sorted(changes.changed | freed):
            await self._take(folder)
        for folder in changes.gone & self._names.keys():
            self._drop(self._names.pop(folder))

    def _report_lost(self) -> None:
        # Rather a volume that is not mounted than the wish to serve nothing.
        if not self._lost:
            log.warning("models_lost", weights=str(self._settings.weights), serving=self._registry.names())
        self._lost = True

    async def _take(self, folder: Path) -> None:
        self._namesakes.discard(folder)
        try:
            manifest, contents = await asyncio.to_thread(read_model, folder)
            self._check_name(manifest.name, folder)
            session = None if self._is_served(manifest) else await self._load(folder, manifest, contents)
        except Exception as error:
            log.error("model_refused", folder=str(folder), error=str(error))
            self._metrics.reloads.labels("refused").inc()
            return
        del contents
        former = self._serve(session, folder) if session is not None else None
        self._own(folder, manifest.name)
        await self._until_freed(former)

    def _is_served(self, manifest: ModelManifest) -> bool:
        return manifest.name in self._registry and self._registry.get(manifest.name).manifest == manifest

    async def _load(
        self, folder: Path, manifest: ModelManifest, contents: Mapping[str, bytes]
    ) -> ModelSession:
        session = await asyncio.to_thread(
            load_session, folder, manifest, contents, self._settings, self._engine.resources
        )
        await self._engine.warm(session)
        return session

    def _check_name(self, name: str, folder: Path) -> None:
        for other, taken in self._names.items():
            # A folder that was renamed hands its name on.
            if taken == name and other != folder and other in self._scan:
                self._namesakes.add(folder)
                raise StartupError(f"{other} has a model of the same name, {name}: remove one, or rename it")

    def _serve(self, session: ModelSession, folder: Path) -> weakref.ref[ModelSession] | None:
        """Serve `session` from now on; returns the one that it replaces."""
        name, version = session.manifest.name, session.manifest.version
        before = self._registry.get(name) if name in self._registry else None
        self._registry.replace(session)
        if before is not None:
            self._forget(before)
        self._metrics.model_info.labels(name, version).set(1)
        self._metrics.reloads.labels("loaded").inc()
        replaced = before and before.manifest.version
        log.info("model_reloaded", model=name, version=version, before=replaced, folder=str(folder))
        return weakref.ref(before) if before is not None else None

    def _own(self, folder: Path, name: str) -> None:
        """Note that `name` is the model of `folder`; drop the one that it held before, if another."""
        former, self._names[folder] = self._names.get(folder), name
        if former is not None:
            self._drop(former)

    def _drop(self, name: str) -> None:
        """Serve the model `name` no more if no folder has it; the default one stays."""
        if name in self._names.values():
            return
        if name == self._registry.default or len(self._registry.names()) == 1:
            log.warning(
                "model_kept", model=name, reason="its folder is gone, but requests without model need it"
            )
            return
        self._forget(self._registry.get(name))
        self._registry.remove(name)
        self._metrics.reloads.labels("removed").inc()
        log.info("model_removed", model=name)

    def _forget(self, session: ModelSession) -> None:
        with suppress(KeyError):
            self._metrics.model_info.remove(session.manifest.name, session.manifest.version)

    async def _until_freed(self, session: weakref.ref[ModelSession] | None) -> None:
        """Wait for the last request of a former model: only then may another be loaded."""
        pause = SETTLE_SECONDS
        while session is not None and session() is not None and pause < self._settings.timeout_seconds:
            await asyncio.sleep(pause)
            pause *= 2
        await asyncio.to_thread(_return_free_pages)


@contextmanager
def _at_hangup(reloader: Reloader) -> Iterator[None]:
    # Signals are the main thread's; Windows has no SIGHUP.
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "SIGHUP"):
        yield
        return
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, reloader.ask)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)


def _return_free_pages() -> None:
    """Return memory of freed models to the system, where the C library can: else it keeps that of many.

    Takes a while and leaves the interpreter to others meanwhile.
    """
    # Of glibc alone; Windows has no library without a name.
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    if trim is not None:
        trim(0)
