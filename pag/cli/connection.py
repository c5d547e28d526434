"""The connection of one command: a client of the named server, or of the service inside this process."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from pag.cli.exit_codes import NO_DEFAULT, NO_SERVER, REFUSED, USAGE, Stop, code_of, message_of
from pag.cli.extras import needs
from pag.client import Client, Model, PagError

# For one photograph with all its tries; a deadline of its own ends earlier.
TIMEOUT_SECONDS = 120.0
# About a minute of pauses: the requests of a batch that keep a server busy are its own, and it has time.
RETRIES = 20
READY_SECONDS = 3.0
# How many threads a server of somebody else has is not known.
REMOTE_JOBS = 4
PREFIXES = ("PAG_", "PERFORATED_CONV_")
# What the command line itself reads of the environment.
VARIABLES = ("PAG_SERVER", "PAG_KEY")

MOMENT_SECONDS = 0.5
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Connection:
    """A client of a server that is ready, and how many requests at a time keep that server busy."""

    client: Client
    jobs: int
    where: str

    def model(self, name: str | None) -> Model:
        """The loaded model `name`, or the server's default one; Stop if there is none."""
        models = self.client.models()
        found = [model for model in models if (model.default if name is None else model.name == name)]
        if not found:
            loaded = ", ".join(model.name for model in models) or "none"
            if name is None:
                raise Stop(REFUSED, f"{NO_DEFAULT} (loaded: {loaded})")
            raise Stop(REFUSED, f"there is no model {name}: choose one of those loaded: {loaded}")
        return found[0]


@contextmanager
def connected(
    server: str | None, key: str | None, weights: Path | None, **settings: Any
) -> Iterator[Connection]:
    """The connection; Stop says why there is none, or why the server refused something within.

    `settings` are of the service inside this process, which runs where `server` is None.
    """
    if server is not None and weights is not None:
        raise Stop(
            USAGE, "--weights is of the service in this command: leave it or --server (PAG_SERVER) out"
        )
    try:
        with ExitStack() as stack:
            yield _remote(stack, server, key) if server is not None else _local(stack, weights, settings)
    except PagError as error:
        raise Stop(code_of(error), message_of(error, key)) from error


def in_order(
    items: Iterable[T], function: Callable[[T], R], jobs: int, window: int | None = None
) -> Generator[tuple[T, R], None, None]:
    """Each item with the function's result, in the order of the items, computed by `jobs` threads.

    At most `window` items (default: `jobs`) are taken before the first of them is given back.
    """
    pool = ThreadPoolExecutor(jobs, "request")
    pending: deque[tuple[T, Future[R]]] = deque()
    try:
        for item in items:
            pending.append((item, pool.submit(function, item)))
            while len(pending) >= (window or jobs) or (pending and pending[0][1].done()):
                first, future = pending.popleft()
                yield first, future.result()
        for first, future in pending:
            yield first, future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        # A client closed beneath a request would leave its connection open; a slow one is not waited for.
        wait([future for _, future in pending], MOMENT_SECONDS)


def _remote(stack: ExitStack, server: str, key: str | None) -> Connection:
    _refuse_unknown_variables()
    server = server.strip()
    url = server if "://" in server or server.startswith("unix:") else f"http://{server}"
    try:
        client = stack.enter_context(Client(url, key=key, timeout=TIMEOUT_SECONDS, retries=RETRIES))
    except ValueError as error:
        raise Stop(USAGE, str(error)) from error
    client.wait_until_ready(READY_SECONDS)
    return Connection(client, REMOTE_JOBS, url)


def _refuse_unknown_variables() -> None:
    """Stop for a variable that looks like one of ours and is none, as the service does when it starts."""
    strange = [name for name in os.environ if name.startswith(PREFIXES) and name not in VARIABLES]
    if not strange:
        return
    try:
        from service.errors import StartupError  # noqa: PLC0415 - needs an extra
        from service.settings import refuse_unknown  # noqa: PLC0415
    except ModuleNotFoundError:
        # Which settings a service has is not known here.
        for name in strange:
            if near := get_close_matches(name, VARIABLES, n=1, cutoff=0.75):
                raise Stop(USAGE, f"{name} is not a setting: did you mean {near[0]}?") from None
        return
    try:
        refuse_unknown(os.environ)
    except StartupError as error:
        raise Stop(USAGE, str(error)) from error


def _local(stack: ExitStack, weights: Path | None, settings: dict[str, Any]) -> Connection:
    with needs("serve", "without --server the service runs in this command, which", NO_SERVER):
        from pag.local import CannotStart, LocalServer  # noqa: PLC0415 - slow, and needs an extra
    if weights is not None:
        settings["weights"] = weights
    try:
        local = stack.enter_context(LocalServer(**settings))
    except CannotStart as error:
        raise Stop(NO_SERVER, f"the service cannot start: {error}") from error
    client = stack.enter_context(local.client(timeout=TIMEOUT_SECONDS, retries=RETRIES))
    return Connection(client, local.jobs, "this process")
