"""The client for programs without asyncio."""

from __future__ import annotations

import io
import ssl
import time
from collections.abc import Iterable
from typing import Self, TypeVar, Unpack

import httpx

from pag.client import questions
from pag.client.driving import run
from pag.client.errors import PagError
from pag.client.exchange import Answer, Failure, Talk, Try
from pag.client.images import Image, image_bytes
from pag.client.models import Model
from pag.client.parsing import Parsing
from pag.client.questions import Question
from pag.client.requests import AnswerKind, FrameOptions, ParseOptions
from pag.client.settings import make_settings
from pag.client.stream import Stream
from pag.client.streaming import Wanted

T = TypeVar("T")
CLOSED = "This client is closed: make another with Client(...), and ask it inside its `with`."


class Client:
    """A server's client: connections are kept and reused, and threads may share it.

    `url`: http://HOST:PORT, https://…, or unix:/PATH of a socket. `key`: one of the server's API keys.
    `timeout`: seconds for a whole call with all its tries; None for no limit. `retries`: further tries where
    there is no connection, or the server is busy (429, 502, 503), after the pause that it asks for. A call
    with `deadline_ms` also ends `transfer_seconds` after its deadline: time for the way of the picture and of
    the answer. `verify`: as in httpx, for https. `trust_env`: whether proxies and certificates named by the
    environment are used; by default for servers on other machines only. `transport`: of httpx, for requests.
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
        self._http = httpx.Client(**self._settings.http_options(transport, httpx.HTTPTransport))

    def parse(self, image: Image, **options: Unpack[ParseOptions]) -> Parsing:
        """The maps of a photograph, as numpy arrays.

        `image`: a path, the bytes of an image file, a binary file, or pixels uint8 [H,W,3] RGB.
        Options, each left out or None for the server's default:
        `budget`: most of the network to compute, in (0, 1], as a share of its multiply-adds; `parsing.budget`
        says what was used, and why. `min_budget`: least to which load or the deadline may lower it.
        `deadline_ms`: milliseconds from this call on within which the answer is of use; else DeadlineMissed.
        `tasks`: names of maps: "semantics", "depth", "normals", "computed", as a list or with commas between.
        `size`: of the maps: "input", the photograph's, or "model", that at which the network saw it.
        `model`: a name that `models()` lists. `request_id`: up to 128 letters, digits and . _ : - by which
        logs name the request. `traceparent`: W3C trace context to go on with.
        """
        begun = self._settings.now()
        return self._ask(questions.maps(image_bytes(image), options), begun)

    def files(self, image: Image, **options: Unpack[ParseOptions]) -> dict[str, bytes]:
        """The maps as files: semantics.png, depth.png (16 bit, millimetres), normals.png, meta.json."""
        begun = self._settings.now()
        return self._ask(questions.files(image_bytes(image), options), begun)

    def overlay(self, image: Image, **options: Unpack[ParseOptions]) -> bytes:
        """A PNG of the photograph in its classes' colours."""
        begun = self._settings.now()
        return self._ask(questions.overlay(image_bytes(image), options), begun)

    def models(self) -> tuple[Model, ...]:
        """The models that the server has loaded, with what each budget buys."""
        return self.ask(questions.models())

    def ready(self) -> bool:
        """Whether the server is there and ready; PagError if it failed, has no TLS or is another program."""
        return self._do(questions.readiness(self._settings.terms))

    def wait_until_ready(self, seconds: float = 60.0) -> None:
        """Return once the server is ready; Unreachable if it is not within `seconds`."""
        self._do(questions.waiting(self._settings.terms, seconds))

    def stream(
        self,
        frames: Iterable[Image],
        *,
        answer: AnswerKind = "npz",
        every_frame: bool = False,
        **options: Unpack[FrameOptions],
    ) -> Stream:
        """The answers to frames, while a thread sends them: `for frame in client.stream(frames): ...`.

        Frames are images as `parse` takes them; pixels are sent as JPEG. While the server computes, and while
        two frames are on their way to it, only the newest of those that come is kept: right for a camera. The
        last is always answered. Frames that wait for a slow line are asked for at most a hundred times a
        second; those of a list (anything with a length) wait their turn for the line, and the server alone
        drops some. `every_frame` asks for each when it has its turn and drops none: right for a video file.
        `answer`: maps, or PNGs ("zip"), or the overlay. `options`: those of `parse` but for the ids;
        `deadline_ms` counts from each frame's arrival at the server.
        """
        return Stream(frames, Wanted(self._settings, answer, every_frame, options))

    def ask(self, question: Question[T]) -> T:
        """What `question` reads from the server's answer: for tools that want another than the methods here.

        `pag.client.questions.Question` holds a request and how to read its answer; tries and time limits are
        those of `parse`.
        """
        return self._ask(question, self._settings.now())

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Client {self._settings.address}>"

    def _ask(self, question: Question[T], begun: float) -> T:
        return self._do(questions.answered(question, self._settings.terms, begun))

    def _do(self, talk: Talk[T]) -> T:
        return run(talk, self._send)

    def _send(self, step: Try) -> Answer | Failure:
        if self._http.is_closed:
            raise PagError(CLOSED)
        try:
            return self._receive(step)
        except httpx.TimeoutException as error:
            return Failure(error, timed_out=True)
        except httpx.RequestError as error:
            return Failure(error)

    def _receive(self, step: Try) -> Answer:
        # The library's limits hold for each piece of an answer: the sum of many is checked here.
        end = None if step.seconds is None else time.monotonic() + step.seconds
        body = io.BytesIO()
        with self._http.stream(**self._settings.http_arguments(step)) as response:
            for part in response.iter_bytes():
                body.write(part)
                if end is not None and time.monotonic() > end:
                    raise httpx.ReadTimeout("the answer took too long to arrive")
        return Answer(response.status_code, dict(response.headers), body.getvalue())
