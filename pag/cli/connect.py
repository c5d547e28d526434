"""A client for one command: of the server that was named, or of the service inside this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pag.cli.exit_codes import NO_SERVER, USAGE, Stop, code_of, told
from pag.cli.extras import installed
from pag.cli.stopping import unwind_when_told
from pag.client import Client, PagError

# For one photograph with all its tries; a deadline of its own ends earlier.
TIMEOUT = 120.0
# About a minute of pauses: the requests of a batch that keep a server busy are its own, and it has time.
RETRIES = 20
READY_SECONDS = 3.0
# How many threads a server of somebody else has is not known.
JOBS = 4


@dataclass(frozen=True)
class Connection:
    """A client that is ready, and how many requests at a time keep its server busy."""

    client: Client
    jobs: int
    where: str


@contextmanager
def connected(
    server: str | None, key: str | None, weights: Path | None, **settings: Any
) -> Iterator[Connection]:
    """The client; Stop says why there is none. `settings` are of the service inside this process."""
    if server is not None and weights is not None:
        raise Stop(
            USAGE, "--weights is of the service in this command: leave it or --server (PAG_SERVER) out"
        )
    unwind_when_told()
    try:
        with ExitStack() as stack:
            yield _remote(stack, server, key) if server is not None else _local(stack, weights, settings)
    except PagError as error:
        raise Stop(code_of(error), told(error, key)) from error


def _remote(stack: ExitStack, server: str, key: str | None) -> Connection:
    server = server.strip()
    url = server if "://" in server or server.startswith("unix:") else f"http://{server}"
    try:
        client = stack.enter_context(Client(url, key=key, timeout=TIMEOUT, retries=RETRIES))
    except ValueError as error:
        raise Stop(USAGE, str(error)) from error
    client.wait_until_ready(READY_SECONDS)
    return Connection(client, JOBS, url)


def _local(stack: ExitStack, weights: Path | None, settings: dict[str, Any]) -> Connection:
    with installed(NO_SERVER):
        from pag.local import CannotStart, LocalServer  # noqa: PLC0415 - slow, and needs an extra
    if weights is not None:
        settings["weights"] = weights
    try:
        local = stack.enter_context(LocalServer(**settings))
    except CannotStart as error:
        raise Stop(NO_SERVER, f"the service cannot start: {error}") from error
    client = stack.enter_context(local.client(timeout=TIMEOUT, retries=RETRIES))
    return Connection(client, local.jobs, "this process")
