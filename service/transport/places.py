"""The places for connections: so many at a time, and so many of one address."""

from __future__ import annotations

import time
from collections import Counter
from typing import Protocol

import structlog

# A connection may have sent a request that is not read yet: in its first moments it gives way to none.
MOMENT_SECONDS = 0.2
# Between lines in the log, of which a flood of connections would make one each.
QUIET_SECONDS = 5.0

log = structlog.get_logger(__name__)


class Placed(Protocol):
    """A connection that takes a place."""

    @property
    def waits_since(self) -> float | None:
        """Since when it waits for a request (seconds of the loop); None from its last byte to its answer."""

    def give_way(self) -> None:
        """Close: another connection takes the place."""


class Places:
    """Connections that are open, and which one gives way to a newer one where no place is left."""

    def __init__(self, most: int, most_per_address: int) -> None:
        self._most = most
        self._most_per_address = most_per_address
        self._taken: dict[Placed, str | None] = {}
        self._by_address: Counter[str] = Counter()
        self._quiet_until = 0.0
        self._unlogged = 0

    def take(self, connection: Placed, address: str | None) -> bool:
        """Whether there is a place, made if need be by the connection that has waited for longest."""
        crowded = address is not None and self._by_address[address] >= self._most_per_address
        if crowded or len(self._taken) >= self._most:
            waiting = self._longest_waiting(address if crowded else None)
            self._log(address if crowded else None, refused=waiting is None)
            if waiting is None:
                return False
            self.leave(waiting)
            waiting.give_way()
        self._taken[connection] = address
        if address is not None:
            self._by_address[address] += 1
        return True

    def leave(self, connection: Placed) -> None:
        """Free the place of `connection`, if it has one."""
        address = self._taken.pop(connection, None)
        if address is not None:
            self._by_address[address] -= 1
            if not self._by_address[address]:
                del self._by_address[address]

    def hand_over(self, connection: Placed, successor: Placed) -> None:
        """The place of `connection` is that of `successor` now: it speaks another protocol."""
        if connection in self._taken:
            self._taken[successor] = self._taken.pop(connection)

    def _longest_waiting(self, address: str | None) -> Placed | None:
        """Of `address`, or of all if None; None if none has waited for more than a moment."""
        latest = time.monotonic() - MOMENT_SECONDS
        waiting = [
            (since, connection)
            for connection, other in self._taken.items()
            if address in (None, other) and (since := connection.waits_since) is not None and since < latest
        ]
        return min(waiting, key=lambda pair: pair[0], default=(0.0, None))[1]

    def _log(self, address: str | None, *, refused: bool) -> None:
        self._unlogged += 1
        now = time.monotonic()
        if now < self._quiet_until:
            return
        log.warning(
            "connections_limited",
            address=address or "any",
            most=self._most_per_address if address else self._most,
            open=len(self._taken),
            refused=refused,
            times=self._unlogged,
        )
        self._quiet_until, self._unlogged = now + QUIET_SECONDS, 0
