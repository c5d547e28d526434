"""Memory of bodies and answers: each request counts what it holds until the last byte has left."""

from __future__ import annotations

from collections import Counter

from service.errors import AnswerTooLarge, Overloaded

RETRY_SECONDS = 1
# What several requests of one address may hold together; one alone may hold all.
ADDRESS_SHARE = 0.75


class Memory:
    """Bytes of request bodies and answers that are held, at most `limit_bytes`; on the event loop only."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.held_bytes = 0
        self._of_address: Counter[str] = Counter()

    def lease(self, address: str | None = None) -> Lease:
        """The share of one request of the client at `address`, empty at first; None: not known."""
        return Lease(self, address)

    def check(self, size: int, own: int, address: str | None) -> None:
        """Raise Overloaded if a request that holds `own` bytes may not hold `size` bytes more."""
        if self.held_bytes + size > self.limit_bytes:
            raise _overloaded(
                f"Bodies and answers of others hold {self.held_bytes - own} of the {self.limit_bytes} bytes "
                "that this server has for them (PAG_MEMORY_BYTES)."
            )
        share = int(ADDRESS_SHARE * self.limit_bytes)
        beside = 0 if address is None else self._of_address[address] - own
        if beside > 0 and beside + own + size > share:
            raise _overloaded(
                f"Other requests of your address hold {beside} bytes of bodies and answers, and those of one "
                f"address may hold {share} together (three quarters of PAG_MEMORY_BYTES)."
            )

    def count(self, size: int, address: str | None) -> None:
        """Count `size` bytes more, or fewer where it is negative, for the client at `address`."""
        self.held_bytes += size
        if address is not None:
            self._of_address[address] += size
            if not self._of_address[address]:
                del self._of_address[address]


class Lease:
    """The bytes that one request holds; given back by `release`, or with the last reference to it."""

    def __init__(self, memory: Memory, address: str | None) -> None:
        self._memory = memory
        self._address = address
        self._bytes = 0

    def grow(self, size: int) -> None:
        """Count `size` bytes more; Overloaded where others, or others of its address, hold too much."""
        self._memory.check(size, self._bytes, self._address)
        self._set(self._bytes + size)

    def grow_for_answer(self, size: int) -> None:
        """As `grow`, for an answer of about `size` bytes; AnswerTooLarge if it would fit in no case."""
        if self._bytes + size > self._memory.limit_bytes:
            raise AnswerTooLarge(size, self._memory.limit_bytes)
        self.grow(size)

    def settle(self, size: int) -> None:
        """Hold `size` bytes from now on: the body is read, or the answer is made."""
        self._set(size)

    def release(self) -> None:
        """Hold nothing."""
        self._set(0)

    def _set(self, size: int) -> None:
        self._memory.count(size - self._bytes, self._address)
        self._bytes = size

    def __del__(self) -> None:
        # An answer may be dropped in many places: its client left, a frame beside it failed.
        self.release()


def _overloaded(detail: str) -> Overloaded:
    return Overloaded(f"{detail} Retry, or request size=model or fewer maps.", RETRY_SECONDS)
