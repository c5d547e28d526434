"""A client for one command: of the server that was named, or of the service inside this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pag.cli.exit_codes import NO_SERVER, USAGE, Stop
from pag.cli.extras import installed
from pag.client import Client

# For one photograph with all its tries; a deadline of its own ends earlier.
TIMEOUT = 120.0
RETRIES = 5
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
    if server is not None:
        with _client(server, key) as client:
            client.wait_until_ready(READY_SECONDS)
            yield Connection(client, JOBS, server)
        return
    if weights is not None:
        settings["weights"] = weights
    with _local(settings) as local, local.client(timeout=TIMEOUT, retries=RETRIES) as client:
        yield Connection(client, local.jobs, "this process")


def _client(server: str, key: str | None) -> Client:
    try:
        return Client(
            server if "://" in server or server.startswith("unix:") else f"http://{server}",
            key=key,
            timeout=TIMEOUT,
            retries=RETRIES,
        )
    except ValueError as error:
        raise Stop(USAGE, str(error)) from error


def _local(settings: dict[str, Any]) -> Any:
    with installed(NO_SERVER):
        from pag.local import CannotStart, LocalServer  # noqa: PLC0415 - slow, and needs an extra
    try:
        return LocalServer(**settings)
    except CannotStart as error:
        raise Stop(NO_SERVER, f"the service cannot start: {error}") from error
