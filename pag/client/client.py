"""The client for programs without asyncio."""

from __future__ import annotations

import io
import ssl
from collections.abc import Iterable, Iterator
from typing import Any, Self, TypeVar, Unpack

import httpx

from pag.client import calls
from pag.client.calls import Call, FrameOptions, ParseOptions, Representation
from pag.client.connections import OwnConnections
from pag.client.errors import PagError
from pag.client.exchange import Attempt, Exchange, Failure, Outcome, Response, run
from pag.client.images import Image, image_bytes
from pag.client.many import Errors, holding_budget, parse_many
from pag.client.results import Model, Parsing
from pag.client.settings import make_settings
from pag.client.stream import Stream
from pag.client.stream_core import StreamRequest
from pag.client.time_limits import TimeLimits, limit

T = TypeVar("T")
CLOSED = "This client is closed: make another with Client(...), and use it inside its `with`."


class Client:
    """A server's client: connections are kept and reused, and threads may share it.

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
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._settings = make_settings(url, key, timeout, retries, transfer_seconds, verify, trust_env)
        self._time_limits = TimeLimits()
        self._connections = OwnConnections(
            lambda: limit(
                httpx.Client(**self._settings.http_options(transport, httpx.HTTPTransport)), self._time_limits
            ),
            can_repeat=transport is None,
        )

    def parse(self, image: Image, **options: Unpack[ParseOptions]) -> Parsing:
        """The maps of a photograph, as numpy arrays.

        `image`: a path, the bytes of an image file, a binary file, an image of Pillow, or pixels uint8
        [H,W,3] RGB.
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
        return self._call(calls.parse(image_bytes(image), options), begun)

    def files(self, image: Image, **options: Unpack[ParseOptions]) -> dict[str, bytes]:
        """The maps as files: NAME.png of each map, and meta.json, which says how to read them."""
        begun = self._settings.now()
        return self._call(calls.files(image_bytes(image), options), begun)

    def parse_many(
        self,
        images: Iterable[Image],
        *,
        workers: int = 4,
        patience: float = 300.0,
        errors: Errors = "raise",
        progress: bool = False,
        **options: Unpack[ParseOptions],
    ) -> Iterator[Parsing | PagError]:
        """The maps of many photographs, in their order, with `workers` requests at a time.

        A budget that is given is held: where the server is full, photographs wait as long as it says, each
        for `patience` seconds at most; with a lower `min_budget` load may lower budgets instead, which is
        warned of once. `errors`: "raise" the first, or "return" a PagError in the place of its answer.
        `progress` shows a bar on standard error. Images are taken as they are needed, so that `images` may
        be a generator. Options and errors are those of `parse`.
        """
        held = holding_budget(options)
        return parse_many(
            lambda image: self.parse(image, **held), images, workers, patience, errors, progress
        )

    def overlay(self, image: Image, **options: Unpack[ParseOptions]) -> bytes:
        """A PNG of the photograph in its classes' colours."""
        begun = self._settings.now()
        return self._call(calls.overlay(image_bytes(image), options), begun)

    def summary(
        self, image: Image, *, regions: bool = False, **options: Unpack[ParseOptions]
    ) -> dict[str, Any]:
        """The answer without pixels, as JSON: `["maps"][NAME]["summary"]` has shares of classes, or the
        least, median and largest value.

        `regions` adds to each class its region as COCO writes it: bounding box and run lengths.
        """
        begun = self._settings.now()
        return self._call(calls.summary(image_bytes(image), options, regions=regions), begun)

    def models(self) -> tuple[Model, ...]:
        """The models that the server has loaded, with what each budget buys."""
        return self.call(calls.models())

    def ready(self) -> bool:
        """Whether the server is there and ready; PagError if it failed, has no TLS or is another program."""
        return self._run(calls.readiness(self._settings.policy))

    def wait_until_ready(self, seconds: float = 60.0) -> None:
        """Return once the server is ready; Unreachable if it is not within `seconds`."""
        self._run(calls.wait_until_ready(self._settings.policy, seconds))

    def stream(
        self,
        frames: Iterable[Image],
        *,
        answer: Representation = "npz",
        every_frame: bool = False,
        **options: Unpack[FrameOptions],
    ) -> Stream:
        """The answers to frames, while a thread sends them: `for frame in client.stream(frames): ...`.

        Frames are images as `parse` takes them; pixels are sent as JPEG. While the server computes, and while
        two frames are in flight to it, only the newest of those that come is kept: right for a camera. The
        last is always answered. Frames that wait for a slow connection are taken at most a hundred times a
        second; those of a list (anything with a length) wait their turn for the connection, and the server
        alone drops some. `every_frame` takes each when it has its turn and drops none: right for a video
        file. `answer`: arrays ("npz"), PNGs ("zip"), or the overlay. `options`: those of `parse` but for the
        ids; `deadline_ms` counts from each frame's arrival at the server.
        """
        return Stream(frames, StreamRequest(self._settings, answer, every_frame, options))

    def call(self, call: Call[T]) -> T:
        """The result of a `pag.client.calls.Call`: for tools that read responses in another way than `parse`.

        Attempts, time limits and errors are those of `parse`.
        """
        return self._call(call, self._settings.now())

    def close(self) -> None:
        """Close all connections."""
        self._connections.http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Client {self._settings.address}>"

    def _call(self, call: Call[T], begun: float) -> T:
        return self._run(call.steps(self._settings.policy, begun))

    def _run(self, steps: Exchange[T]) -> T:
        return run(steps, self._send)

    def _send(self, attempt: Attempt) -> Outcome:
        if self._connections.http.is_closed:
            raise PagError(CLOSED)
        try:
            with self._time_limits.limited(attempt.seconds):
                return self._receive(attempt)
        except httpx.TimeoutException as error:
            return Failure(error, timed_out=True)
        except httpx.RequestError as error:
            return Failure(error)

    def _receive(self, attempt: Attempt) -> Response:
        body = io.BytesIO()
        with self._connections.http.stream(**self._settings.http_arguments(attempt)) as response:
            # What is left unread closes the connection.
            attempt.check_headers(response.headers)
            for part in response.iter_raw():
                body.write(part)
                attempt.check_size(body.tell())
                # A transport of the caller's may limit each piece alone.
                self._time_limits.remaining(None, httpx.ReadTimeout)
        return Response(response.status_code, dict(response.headers), body.getvalue())
