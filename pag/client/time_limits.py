"""A time limit for whole attempts without asyncio: the HTTP library limits each piece of an answer alone."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore
import httpx

# A server that takes a request byte by byte is given up between two parts.
PART_BYTES = 2**16


class TimeLimits(threading.local):
    """When the present attempt of each thread must end, in seconds of `time.monotonic`; None: never."""

    end: float | None = None

    @contextmanager
    def limited(self, seconds: float | None) -> Iterator[None]:
        """All that this thread sends and receives within must be done after `seconds`."""
        self.end = None if seconds is None else time.monotonic() + seconds
        try:
            yield
        finally:
            self.end = None

    def remaining(self, seconds: float | None, late: type[Exception]) -> float | None:
        """The smaller one of `seconds` and those that remain; raises `late` where none do."""
        if self.end is None:
            return seconds
        remaining = self.end - time.monotonic()
        if remaining <= 0:
            raise late("the time for the whole attempt is over")
        return remaining if seconds is None else min(seconds, remaining)


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, limits: TimeLimits) -> None:
        self._stream = stream
        self._limits = limits

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._limits.remaining(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        view = memoryview(buffer)
        for start in range(0, len(view), PART_BYTES):
            remaining = self._limits.remaining(timeout, httpcore.WriteTimeout)
            self._stream.write(bytes(view[start : start + PART_BYTES]), remaining)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        remaining = self._limits.remaining(timeout, httpcore.ConnectTimeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, remaining), self._limits)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    def __init__(self, backend: httpcore.NetworkBackend, limits: TimeLimits) -> None:
        self._backend = backend
        self._limits = limits

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        remaining = self._limits.remaining(timeout, httpcore.ConnectTimeout)
        stream = self._backend.connect_tcp(host, port, remaining, local_address, socket_options)
        return _Stream(stream, self._limits)

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.NetworkStream:
        remaining = self._limits.remaining(timeout, httpcore.ConnectTimeout)
        return _Stream(self._backend.connect_unix_socket(path, remaining, socket_options), self._limits)

    def sleep(self, seconds: float) -> None:
        self._backend.sleep(seconds)


def limit(client: httpx.Client, limits: TimeLimits) -> httpx.Client:
    """`client`, whose connections keep to `limits` where they are the library's own.

    RuntimeError for a version of the library that keeps its connections elsewhere: the limit would be lost.
    """
    # The library has no argument for this.
    for transport in (client._transport, *client._mounts.values()):
        if not isinstance(transport, httpx.HTTPTransport):
            continue
        pool = getattr(transport, "_pool", None)
        backend = getattr(pool, "_network_backend", None)
        if not isinstance(backend, httpcore.NetworkBackend):
            raise RuntimeError(
                f"this client limits the time of whole attempts in httpx 0.28, and httpx {httpx.__version__} "
                "keeps its connections elsewhere: pip install 'httpx==0.28.*'"
            )
        pool._network_backend = _Backend(backend, limits)  # type: ignore[union-attr]
    return client
