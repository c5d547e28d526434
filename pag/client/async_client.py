"""The client for programs with asyncio."""

from __future__ import annotations

import asyncio
import io
import os
import ssl
from collections.abc import AsyncIterable, Iterable
from typing import Any, Self, TypeVar, Unpack

import httpx

from pag.client import calls
from pag.client.async_stream import AsyncStream
from pag.client.calls import Call, FrameOptions, ParseOptions, Representation
from pag.client.connections import OwnConnections
from pag.client.errors import PagError
from pag.client.exchange import Attempt, Exchange, Failure, Outcome, Response, run_async
from pag.client.images import Image, image_bytes
from pag.client.results import Model, Parsing
from pag.client.settings import make_settings
from pag.client.stream_core import StreamRequest

T = TypeVar("T")
CLOSED = "This client is closed: make another with AsyncClient(...), and use it inside its `async with`."
OTHER_LOOP = (
    "This client's connections belong to another event loop: make one AsyncClient in each asyncio.run(...)."
)


class AsyncClient:
    """A server's client: connections are kept and reused, and tasks of one loop may share it.

    `url`: http://HOST:PORT, https://…, or unix:/PATH of a socket. `key`: one of the server's API keys.
    `timeout`: seconds for a whole call with all its attempts; None for no limit. `retries`: further attempts
    where there is no connection, or the server is busy (429, 502, 503), after the pause that it names. A
    call with `deadline_ms` also ends `transfer_seconds` after its deadline: time to transfer image and
    answer. `verify`: as in httpx, for https. `trust_env`: whether proxies and certificates named by the
    environment are used; by default for servers on other machines only. `transport`: of httpx, for requests.
    ValueError for a setting that cannot be.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        *,
        key: str | None = None,
        timeout: float | None = 30.0,
        retries: int = 3,
        transfer_seconds: float = 1.0,
        verify: ssl.SSLContext | bool = True,
        trust_env: bool | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._settings = make_settings(url, key, timeout, retries, transfer_seconds, verify, trust_env)
        # The event loop that the connections belong to, in which process.
        self._loop: tuple[int, asyncio.AbstractEventLoop] | None = None
        self._connections = OwnConnections(
            lambda: httpx.AsyncClient(**self._settings.http_options(transport, httpx.AsyncHTTPTransport)),
            can_repeat=transport is None,
        )

    async def parse(self, image: Image, **options: Unpack[ParseOptions]) -> Parsing:
        """The maps of a photograph, as numpy arrays.

        `image`: a path, the bytes of an image file, a binary file, or pixels uint8 [H,W,3] RGB.
        Options, each left out or None for the server's default:
        `budget`: most of the network to compute, in (0, 1], as a share of its multiply-adds; `parsing.budget`
        says what was used, and why. `min_budget`: least to which load or the deadline may lower it.
        `deadline_ms`: milliseconds from this call on within which the answer is of use; else DeadlineMissed.
        `maps`: names of maps, as `models()` lists them, as a list or with commas between.
        `size`: of the maps: "input", the photograph's, or "model", that at which the network saw it.
        `model`: a name that `models()` lists. `request_id`: up to 128 letters, digits and . _ : - by which
        logs name the request. `traceparent`: W3C trace context to continue.

        TypeError or ValueError for a wrong image or option, Refused (Busy, DeadlineMissed) where the server
        refuses, Unreachable (TimedOut, TlsFailed) where no answer comes, BadAnswer for another program's.
        """
        begun = self._settings.now()
        return await self._call(calls.parse(await _bytes(image), options), begun)

    async def files(self, image: Image, **options: Unpack[ParseOptions]) -> dict[str, bytes]:
        """The maps as files: NAME.png of each map, and meta.json, which says how to read them."""
        begun = self._settings.now()
        return await self._call(calls.files(await _bytes(image), options), begun)

    async def overlay(self, image: Image, **options: Unpack[ParseOptions]) -> bytes:
        """A PNG of the photograph in its classes' colours."""
        begun = self._settings.now()
        return await self._call(calls.overlay(await _bytes(image), options), begun)

    async def summary(
        self, image: Image, *, regions: bool = False, **options: Unpack[ParseOptions]
    ) -> dict[str, Any]:
        """The answer without pixels, as JSON: `["maps"][NAME]["summary"]` has shares of classes, or the
        least, median and largest value.

        `regions` adds to each class its region as COCO writes it: bounding box and run lengths.
        """
        begun = self._settings.now()
        return await self._call(calls.summary(await _bytes(image), options, regions=regions), begun)

    async def models(self) -> tuple[Model, ...]:
        """The models that the server has loaded, with what each budget buys."""
        return await self.call(calls.models())

    async def ready(self) -> bool:
        """Whether the server is there and ready; PagError if it failed, has no TLS or is another program."""
        return await self._run(calls.readiness(self._settings.policy))

    async def wait_until_ready(self, seconds: float = 60.0) -> None:
        """Return once the server is ready; Unreachable if it is not within `seconds`."""
        await self._run(calls.wait_until_ready(self._settings.policy, seconds))

    def stream(
        self,
        frames: Iterable[Image] | AsyncIterable[Image],
        *,
        answer: Representation = "npz",
        every_frame: bool = False,
        **options: Unpack[FrameOptions],
    ) -> AsyncStream:
        """The answers to frames, while a task sends them: `async for frame in client.stream(frames): ...`.

        Frames are images as `parse` takes them; pixels are sent as JPEG. While the server computes, and while
        two frames are in flight to it, only the newest of those that come is kept: right for a camera. The
        last is always answered. Frames that wait for a slow connection are taken at most a hundred times a
        second; those of a list (anything with a length) wait their turn for the connection, and the server
        alone drops some. `every_frame` takes each when it has its turn and drops none: right for a video
        file. `answer`: arrays ("npz"), PNGs ("zip"), or the overlay. `options`: those of `parse` but for the
        ids; `deadline_ms` counts from each frame's arrival at the server. A loop that is left early
        closes the stream soon; `async with client.stream(frames) as stream` closes it at once.
        """
        return AsyncStream(frames, StreamRequest(self._settings, answer, every_frame, options))

    async def call(self, call: Call[T]) -> T:
        """The result of a `pag.client.calls.Call`: for tools that read responses in another way than `parse`.

        Attempts, time limits and errors are those of `parse`.
        """
        return await self._call(call, self._settings.now())

    async def aclose(self) -> None:
        """Close all connections."""
        # Those of a loop that has ended went with it.
        if self._loop is not None and self._loop[1].is_closed() and self._loop[0] == os.getpid():
            return
        await self._connections.http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"<AsyncClient {self._settings.address}>"

    async def _call(self, call: Call[T], begun: float) -> T:
        return await self._run(call.steps(self._settings.policy, begun))

    async def _run(self, steps: Exchange[T]) -> T:
        return await run_async(steps, self._send)

    async def _send(self, attempt: Attempt) -> Outcome:
        self._check_usable()
        try:
            # The library's limits hold for each piece of an answer: this one for all of it.
            async with asyncio.timeout(attempt.seconds):
                return await self._receive(attempt)
        except (TimeoutError, httpx.TimeoutException) as error:
            return Failure(error, timed_out=True)
        except httpx.RequestError as error:
            return Failure(error)

    def _check_usable(self) -> None:
        if self._connections.http.is_closed:
            raise PagError(CLOSED)
        here = (os.getpid(), asyncio.get_running_loop())
        if self._loop is None or self._loop[0] != here[0]:
            self._loop = here
        if self._loop[1] is not here[1]:
            raise PagError(OTHER_LOOP)

    async def _receive(self, attempt: Attempt) -> Response:
        # Joining the parts of a large answer at its end would block the event loop.
        body = io.BytesIO()
        async with self._connections.http.stream(**self._settings.http_arguments(attempt)) as response:
            # What is left unread closes the connection.
            attempt.check_headers(response.headers)
            async for part in response.aiter_raw():
                body.write(part)
                attempt.check_size(body.tell())
        return Response(response.status_code, dict(response.headers), body.getvalue())


async def _bytes(image: Image) -> bytes:
    # Disks and encoders would block the event loop.
    return image if isinstance(image, bytes) else await asyncio.to_thread(image_bytes, image)
