"""The session of one open stream: reads frames and options, sends answers and problems."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import suppress

from starlette.types import Message
from starlette.websockets import WebSocket, WebSocketDisconnect

from service.engine.memory import Lease
from service.errors import ServiceError
from service.routes.stream_frames import FrameAnswer, FrameFailure, Frames
from service.schemas.stream import StreamQuery
from service.streaming import messages
from service.streaming.flow import Flow
from service.streaming.mailbox import Frame, Mailbox
from service.streaming.rate import Rate
from service.telemetry.metrics import Metrics

# Two cores did 1.0 to 1.9 times as many frames per second as one by one.
MAX_IN_FLIGHT = 2
GOING_AWAY, UNSUPPORTED, IDLE, TOO_LARGE, TRY_AGAIN_LATER = 1001, 1003, 1008, 1009, 1013


class Session:
    """An open stream; `outcomes` counts what became of its frames, `code` says how it ended.

    `kept` counts the bytes of the frame that waits.
    """

    def __init__(
        self,
        socket: WebSocket,
        frames: Frames,
        options: StreamQuery,
        metrics: Metrics,
        idle_seconds: float,
        kept: Lease,
    ) -> None:
        self.outcomes: Counter[str] = Counter()
        self.code: int | None = None
        self._socket = socket
        self._frames = frames
        self._options = options
        self._metrics = metrics
        self._idle_seconds = idle_seconds
        self._mailbox = Mailbox[StreamQuery](kept.settle)
        self._rate = Rate()
        # A header message and its body go out together, whatever else is to be sent.
        self._sending = asyncio.Lock()
        self._abandoned = False
        self._reason = ""
        self._quiet_since = time.monotonic()

    @property
    def silent_seconds(self) -> float:
        """Seconds without a frame that came or was answered; 0 while one is still to be answered."""
        return 0.0 if self.received > self.outcomes.total() else time.monotonic() - self._quiet_since

    @property
    def received(self) -> int:
        """Frames received."""
        return self._mailbox.received

    async def run(self) -> None:
        """Until the client leaves, breaks the rules, or the server stops."""
        flow = Flow(self._mailbox, self._frames.compute, self._deliver, MAX_IN_FLIGHT, _urgent)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._read())
                await flow.run()
                await self._close()
        finally:
            self._abandon()
            self._count("dropped", self.received - self.outcomes.total())

    def give_way(self) -> None:
        """Another stream takes the place of this silent one."""
        self._end(TRY_AGAIN_LATER, f"Silent for {self.silent_seconds:.0f} seconds while others wait.")

    def stop(self) -> None:
        """The server stops: what is computed is answered, then the stream ends."""
        self._end(GOING_AWAY, "The server is stopping.")

    async def _read(self) -> None:
        while (message := await self._next_message())["type"] != "websocket.disconnect":
            if (data := message.get("bytes")) is not None:
                # The engine distinguishes an encoded image from pixels by its type.
                self._mailbox.put(bytes(data), time.perf_counter(), self._options)
            else:
                await self._change(message["text"])
                # Those that wait are taken without a pause.
                await asyncio.sleep(0)
            # Freed as soon as the mailbox frees it.
            del message, data
        if self.code is None:
            self.code = message.get("code")
        self._abandon()

    async def _next_message(self) -> Message:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._idle_seconds):
                    return await self._socket.receive()
            if self.silent_seconds:
                self._end(IDLE, f"Nothing was sent for {self._idle_seconds:g} seconds.")

    async def _change(self, text: str) -> None:
        try:
            self._options = self._frames.changed(self._options, messages.options_in(text))
        except messages.InvalidMessage as error:
            self._end(TOO_LARGE if error.too_long else UNSUPPORTED, str(error))
            self._abandon()
        except ServiceError as error:
            await self._send(messages.options_refused(self._frames.failure(error).problem))

    async def _deliver(self, frame: Frame[StreamQuery], outcome: FrameAnswer | FrameFailure) -> None:
        if self._abandoned:
            return
        self._count("dropped", frame.dropped)
        if isinstance(outcome, FrameFailure):
            text = messages.failed(frame.number, frame.dropped, outcome.problem)
            if await self._send(text):
                self._count("refused" if outcome.refused else "failed")
            return
        rate = self._rate.note(time.perf_counter())
        text = messages.answered(frame.number, frame.dropped, rate, outcome.media_type, outcome.meta)
        if await self._send(text, outcome.body):
            self._count("answered")

    async def _send(self, text: str, body: bytes | None = None) -> bool:
        """Whether it could be sent."""
        if self._abandoned:
            return False
        try:
            async with self._sending:
                await self._socket.send_text(text)
                if body is not None:
                    await self._socket.send_bytes(body)
        except WebSocketDisconnect:
            self._abandon()
            return False
        return True

    def _end(self, code: int, reason: str) -> None:
        """Take no more frames, and close with `code` once those in flight are answered."""
        if self.code is None:
            self.code, self._reason = code, reason
        self._mailbox.close()

    def _abandon(self) -> None:
        """The client takes no more answers: drop and cancel everything."""
        self._abandoned = True
        self._mailbox.close()
        self._frames.give_up()

    async def _close(self) -> None:
        if self._reason and self.code is not None:
            # The client may have left meanwhile.
            with suppress(WebSocketDisconnect, RuntimeError):
                await self._socket.close(self.code, self._reason)

    def _count(self, outcome: str, frames: int = 1) -> None:
        self.outcomes[outcome] += frames
        self._quiet_since = time.monotonic()
        self._metrics.stream_frames.labels(outcome).inc(frames)


def _urgent(frame: Frame[StreamQuery]) -> bool:
    """Whether `frame` is computed alone: beside another it takes longer, which costs budget or deadline."""
    return frame.options.deadline_ms is not None
