"""Takes over what changes in the weights folder, while requests go on being answered."""

from __future__ import annotations

import asyncio
import gc
import signal
import threading
import weakref
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import structlog

from service.engine.engine import Engine
from service.engine.session import ModelSession, load_session
from service.errors import StartupError
from service.metrics import Metrics
from service.model_files import Fingerprint, fingerprint, model_folders, read_model
from service.settings import Settings

# Between the two looks of somebody who asks for one: whoever writes file by file is seen at it.
SETTLE_SECONDS = 0.2

log = structlog.get_logger(__name__)


@asynccontextmanager
async def watching(settings: Settings, engine: Engine, metrics: Metrics) -> AsyncIterator[None]:
    """Meanwhile look for changes every `reload_seconds`, and at once when the process gets SIGHUP."""
    reloader = Reloader(settings, engine, metrics)
    task = asyncio.create_task(reloader.run())
    with _at_hangup(reloader):
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


class Reloader:
    """Compares the model folders with what serves, one model at a time, so that one too many is in memory.

    A folder is read once its fingerprint was the same at two looks, and not again before it changes.
    """

    def __init__(self, settings: Settings, engine: Engine, metrics: Metrics) -> None:
        self._settings = settings
        self._engine = engine
        self._registry = engine.registry
        self._metrics = metrics
        # Whose model serves; a folder that was refused is not there, or there with its former model.
        self._names = dict(engine.registry.origins)
        self._seen: dict[Path, Fingerprint | None] = dict.fromkeys(self._names)
        self._settled: dict[Path, Fingerprint | None] = {}
        self._namesakes: set[Path] = set()
        self._lost = False
        self._asked = asyncio.Event()

    def ask(self) -> None:
        """Look at once."""
        self._asked.set()

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._asked.wait(), self._settings.reload_seconds or None)
            try:
                await self._look_as_asked()
            except Exception:
                log.exception("reload_failed", weights=str(self._settings.weights))

    async def _look_as_asked(self) -> None:
        if self._engine.state != "ready":
            # A signal is kept until there is something to compare with.
            await asyncio.sleep(SETTLE_SECONDS)
            return
        if self._asked.is_set():
            self._asked.clear()
            await self.look()
            await asyncio.sleep(SETTLE_SECONDS)
        await self.look()

    async def look(self) -> None:
        """Take over every change that the last look has already seen."""
        now = await asyncio.to_thread(self._folders)
        if not now:
            self._tell_lost()
            return
        self._lost = False
        changed = {folder for folder, found in now.items() if self._is_new(folder, found)}
        gone = [folder for folder in self._names if folder not in now and folder not in self._seen]
        if gone:
            changed |= self._namesakes & now.keys()
        self._seen = now
        for folder in sorted(changed):
            await self._take(folder)
        for folder in gone:
            self._drop(self._names.pop(folder))

    def _folders(self) -> dict[Path, Fingerprint | None]:
        try:
            return {folder: fingerprint(folder) for folder in model_folders(self._settings.weights)}
        except OSError:
            return {}

    def _is_new(self, folder: Path, found: Fingerprint | None) -> bool:
        return found == self._seen.get(folder) and found != self._settled.get(folder)

    def _tell_lost(self) -> None:
        # Rather a volume that is not mounted than the wish to serve nothing.
        if not self._lost:
            log.warning("models_lost", weights=str(self._settings.weights), serving=self._registry.names())
        self._lost = True

    async def _take(self, folder: Path) -> None:
        self._settled[folder] = self._seen[folder]
        self._namesakes.discard(folder)
        try:
            session = await self._load(folder)
            if session is not None:
                await self._engine.warm(session)
        except Exception as error:
            log.error("model_refused", folder=str(folder), error=str(error))
            self._metrics.reloads.labels("refused").inc()
            return
        if session is not None:
            await self._swap_in(session, folder)

    async def _load(self, folder: Path) -> ModelSession | None:
        """Session of the folder's model, or None if it is the one that serves."""
        manifest, contents = await asyncio.to_thread(read_model, folder)
        self._check_name(manifest.name, folder)
        if manifest.name in self._registry and self._registry.get(manifest.name).manifest == manifest:
            self._names[folder] = manifest.name
            return None
        return await asyncio.to_thread(load_session, folder, manifest, contents, self._settings)

    def _check_name(self, name: str, folder: Path) -> None:
        for other, taken in self._names.items():
            # A folder that was renamed hands its name on.
            if taken == name and other != folder and other in self._seen:
                self._namesakes.add(folder)
                raise StartupError(f"{other} has a model of the same name, {name}: remove one, or rename it")

    async def _swap_in(self, session: ModelSession, folder: Path) -> None:
        name, version = session.manifest.name, session.manifest.version
        before = self._registry.get(name) if name in self._registry else None
        self._registry.replace(session)
        if before is not None:
            self._forget(before)
        self._metrics.model_info.labels(name, version).set(1)
        self._metrics.reloads.labels("loaded").inc()
        log.info(
            "model_reloaded",
            model=name,
            version=version,
            before=before and before.manifest.version,
            folder=str(folder),
        )
        former, self._names[folder] = self._names.get(folder), name
        if former is not None:
            self._drop(former)
        if before is not None:
            freed = weakref.ref(before)
            del before
            await self._until_freed(freed)

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

    async def _until_freed(self, session: weakref.ref[ModelSession]) -> None:
        """Wait for the last request of a former model: only then may another be loaded."""
        pause = SETTLE_SECONDS
        while session() is not None and pause < self._settings.timeout:
            await asyncio.sleep(pause)
            if session() is not None:
                # What requests left behind may refer to itself: its own collection would come much later.
                gc.collect()
            pause *= 2


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
