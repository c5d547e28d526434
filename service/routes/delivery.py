"""Answers that are sent in pieces, and hold their share of memory until the client has accepted them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from service.engine.memory import Lease

Buffer = bytes | memoryview
# Of an answer, so much may wait in a connection whose request is no longer counted.
PIECE_BYTES = 2**18


class PieceResponse(Response):
    """Sends `pieces` one after the other, large ones in parts, so that maps are not copied into one body.

    Each part waits until the client has accepted most of those before. `lease` is settled to the bytes of all
    pieces, and released once they are sent or the client has left.
    """

    def __init__(
        self, pieces: Sequence[Buffer], headers: Mapping[str, str], media_type: str, lease: Lease
    ) -> None:
        self._pieces = pieces
        self._lease = lease
        size = sum(map(len, pieces))
        lease.settle(size)
        super().__init__(None, 200, {**headers, "Content-Length": str(size)}, media_type)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry."""
        try:
            await self._send(send)
        finally:
            self._pieces = ()
            self._lease.release()

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        last = len(self._pieces) - 1
        for place, piece in enumerate(self._pieces):
            for start in range(0, len(piece), PIECE_BYTES):
                # A copy: the view of a part would keep the whole piece for as long as the part waits.
                part = bytes(memoryview(piece)[start : start + PIECE_BYTES])
                more = place < last or start + PIECE_BYTES < len(piece)
                await send({"type": "http.response.body", "body": part, "more_body": more})
