"""Stops work that nobody waits for, also in the middle of an inference."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import onnxruntime

from service.errors import Cancelled, DeadlineExceeded, ServiceError


class Stoppable:
    """Work that may be told to stop; from any thread, any number of times."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._error: Callable[[], ServiceError] | None = None
        self._running: onnxruntime.RunOptions | None = None
        self._listeners: list[Callable[[], object]] = []
        self.stopped_at: float | None = None

    @property
    def stopped(self) -> bool:
        """Whether nobody waits any more."""
        return self._error is not None

    def check(self) -> None:
        """Raise Cancelled or DeadlineExceeded if nobody waits any more."""
        if self._error is not None:
            raise self._error()

    def on_stop(self, listener: Callable[[], object]) -> None:
        """Call `listener` in the thread that stops the work; at once if it is stopped."""
        with self._lock:
            if self._error is None:
                self._listeners.append(listener)
                return
        listener()

    def forget(self) -> None:
        """Let go of the listeners, so that the image and maps they hold are freed with their request."""
        with self._lock:
            self._listeners.clear()

    @contextmanager
    def run_options(self) -> Iterator[onnxruntime.RunOptions]:
        """Options of one run, which a stop terminates at the network's next node while the context lasts."""
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

    def _stop(self, error: Callable[[], ServiceError]) -> None:
        with self._lock:
            if self._error is not None:
                return
            self._error = error
            self.stopped_at = time.perf_counter()
            if self._running is not None:
                self._running.terminate = True
            listeners, self._listeners = self._listeners, []
        for listener in listeners:
            listener()


class Cancellation(Stoppable):
    """One request's stop signal."""

    def cancel(self) -> None:
        """Stop: the caller has left."""
        self._stop(lambda: Cancelled("The caller left before the work was done."))

    def expire(self) -> None:
        """Stop: the deadline has passed."""
        self._stop(lambda: DeadlineExceeded("The deadline passed before the answer was made."))


class Together(Stoppable):
    """Stop signal of a batch: used when every member's has been, so that no member harms another."""

    def __init__(self, members: Sequence[Stoppable]) -> None:
        super().__init__()
        self._waiting = len(members)
        for member in members:
            member.on_stop(self._one_less)

    def _one_less(self) -> None:
        with self._lock:
            self._waiting -= 1
            last = self._waiting == 0
        if last:
            self._stop(lambda: Cancelled("Every caller of the batch left before the work was done."))
