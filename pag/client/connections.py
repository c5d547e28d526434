"""The connections of one process: those that it inherits by a fork belong to its parent."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from pag.client.errors import PagError

INHERITED_TRANSPORT = (
    "This client was made before a fork, with a transport of the caller's: make another in the new process."
)


class Closable(Protocol):
    """The HTTP library's client, sync or async."""

    @property
    def is_closed(self) -> bool:
        """Whether it was closed."""


H = TypeVar("H", bound=Closable)


class OwnConnections(Generic[H]):
    """The HTTP library's client of the process that asks for it.

    Two processes on one connection would read each other's answers. So a forked process makes a client of
    its own by `make`, and leaves the inherited one as it is: closing it could end its parent's connections.
    """

    def __init__(self, make: Callable[[], H], *, can_repeat: bool) -> None:
        self._make = make
        self._can_repeat = can_repeat
        self._owned = (os.getpid(), make())
        self._inherited: list[H] = []

    @property
    def http(self) -> H:
        """The client; PagError where it belongs to another process and cannot be made again."""
        pid, http = self._owned
        if pid == os.getpid() or http.is_closed:
            return http
        if not self._can_repeat:
            raise PagError(INHERITED_TRANSPORT)
        self._inherited.append(http)
        http = self._make()
        self._owned = (os.getpid(), http)
        return http
