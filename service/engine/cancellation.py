"""Stops work whose caller has left, also in the middle of an inference."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import onnxruntime

from service.errors import Cancelled


class Cancellation:
    """One request's stop signal; `cancel` may be called from any thread, any number of times."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cancelled = False
        self._running: onnxruntime.RunOptions | None = None

    @property
    def cancelled(self) -> bool:
        """Whether the caller has left."""
        return self._cancelled

    def cancel(self) -> None:
        """Stop at the next stage, or at the next node of the network if it runs."""
        with self._lock:
            self._cancelled = True
            if self._running is not None:
                self._running.terminate = True

    def check(self) -> None:
        """Raise Cancelled if the caller has left."""
        if self._cancelled:
            raise Cancelled("The caller left before the work was done.")

    @contextmanager
    def run_options(self) -> Iterator[onnxruntime.RunOptions]:
        """Options of one run, which `cancel` terminates while the context lasts."""
        # Terminated options stay terminated, so each run gets its own.
        options = onnxruntime.RunOptions()
        # Heads of tasks that nobody asked for are not run.
        options.only_execute_path_to_fetches = True
        with self._lock:
            self.check()
            self._running = options
        try:
            yield options
        finally:
            with self._lock:
                self._running = None
