"""Memory of bodies and answers: each request counts what it holds until the last byte has left."""

from __future__ import annotations

from service.errors import AnswerTooLarge, Overloaded

RETRY_SECONDS = 1


class Memory:
    """Bytes of request bodies and answers that are held, at most `limit_bytes`; on the event loop only."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.held_bytes = 0

    def lease(self) -> Lease:
        """The share of one request, empty at first."""
        return Lease(self)


class Lease:
    """The bytes that one request holds; given back by `release`, or with the last reference to it."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._bytes = 0

    def grow(self, size: int) -> None:
        """Count `size` bytes more; Overloaded where others hold too much for them."""
        memory = self._memory
        if memory.held_bytes + size > memory.limit_bytes:
            detail = (
                f"Bodies and answers of others hold {memory.held_bytes - self._bytes} of the "
                f"{memory.limit_bytes} bytes that this server has for them (PAG_MEMORY_BYTES)."
            )
            raise Overloaded(f"{detail} Retry, or request size=model or fewer maps.", RETRY_SECONDS)
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
        self._memory.held_bytes += size - self._bytes
        self._bytes = size

    def __del__(self) -> None:
        # An answer may be dropped in many places: its client left, a frame beside it failed.
        self.release()
