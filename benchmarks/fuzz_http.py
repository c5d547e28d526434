"""The same mutants sent to the endpoints of a real server: no answer may be an error of the server."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import httpx

from benchmarks.fuzz_mutations import mutant
from benchmarks.running_service import running_service
from tests.support.tiny_model import write_model

BOUNDARY = "fuzz"
JSON = (
    b'{"inputs":[{"name":"image","shape":[1],"datatype":"BYTES",'
    b'"parameters":{"binary_data_size":%d}}],"parameters":{"binary_data_output":true}}'
)
Send = Callable[[httpx.Client, bytes], httpx.Response]


class Tally(Protocol):
    """What is counted, as in fuzz_decode."""

    seed: int
    next: int
    executions: int
    answered: int
    seconds: float
    slowest: float

    def found(self, what: str, number: int) -> None:
        """Count a finding."""


def fuzz_http(tally: Tally, end: float, limit: float) -> None:
    """Send mutants to one endpoint after the other until the time `end`."""
    with tempfile.TemporaryDirectory() as folder:
        write_model(Path(folder))
        with running_service(Path(folder)) as service, service.client() as client:
            client.timeout = httpx.Timeout(limit)
            started = time.monotonic()
            while time.monotonic() < end:
                _send(tally, client)
                tally.seconds = time.monotonic() - started


def _send(tally: Tally, client: httpx.Client) -> None:
    number, begun = tally.next, time.perf_counter()
    tally.next, tally.executions = number + 1, tally.executions + 1
    name, send = ENDPOINTS[number % len(ENDPOINTS)]
    try:
        answer = send(client, mutant(tally.seed, number))
    except httpx.HTTPError as error:
        tally.found(f"{type(error).__name__} from {name}", number)
        return
    tally.slowest = max(tally.slowest, time.perf_counter() - begun)
    tally.answered += answer.status_code == httpx.codes.OK
    if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
        tally.found(f"{answer.status_code} from {name}", number)


def _parse(client: httpx.Client, data: bytes) -> httpx.Response:
    return client.post("/parse?size=model&maps=depth", content=data)


def _form(client: httpx.Client, data: bytes) -> httpx.Response:
    return client.post("/parse?size=model", files={"file": data})


def _form_of_mutants(client: httpx.Client, data: bytes) -> httpx.Response:
    """The mutant as a form that breaks wherever a byte reads as a boundary or a header."""
    start = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n'.encode()
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    body = start + data.replace(b"\0", b"\r\n").replace(b"\xff", b"--" + BOUNDARY.encode())
    return client.post("/parse?size=model", content=body, headers={"Content-Type": kind})


def _tensor(client: httpx.Client, data: bytes) -> httpx.Response:
    binary = len(data).to_bytes(4, "little") + data
    text = JSON % len(binary)
    return _infer(client, text + binary, len(text))


def _raw(client: httpx.Client, data: bytes) -> httpx.Response:
    return _infer(client, data, 0)


def _body_of_mutants(client: httpx.Client, data: bytes) -> httpx.Response:
    """A sound JSON's bytes changed by the mutant's first ones."""
    text = bytearray(JSON % (len(data) + 4))
    for place, value in zip(data[:8:2], data[1:8:2], strict=False):
        text[place % len(text)] = value
    return _infer(client, bytes(text) + len(data).to_bytes(4, "little") + data, len(text))


def _infer(client: httpx.Client, body: bytes, header_length: int) -> httpx.Response:
    headers = {"Inference-Header-Content-Length": str(header_length)}
    return client.post("/v2/models/tiny/infer", content=body, headers=headers)


ENDPOINTS: tuple[tuple[str, Send], ...] = (
    ("/parse", _parse),
    ("/parse as a form", _form),
    ("/parse as a broken form", _form_of_mutants),
    ("/v2 as a tensor", _tensor),
    ("/v2 as it is", _raw),
    ("/v2 as broken JSON", _body_of_mutants),
)
