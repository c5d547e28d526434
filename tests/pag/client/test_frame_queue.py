"""Frames before they are sent, and their numbers after: the newest wins, and every one is counted."""

from __future__ import annotations

import asyncio
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pag import BadAnswer
from pag.client.frame_queue import AsyncFrameQueue, BlockingFrameQueue, FrameQueue, Progress
from pag.client.images import snapshot
from tests.support.servers import GUARD_SECONDS


class Line:
    """A client and a server without the network between: steps that either may take at any time."""

    def __init__(self) -> None:
        self.given = 0
        self.queue = FrameQueue[int]()
        self.progress = Progress()
        self.received: list[int] = []
        self.taken: list[int] = []
        self.answers: list[tuple[int, int]] = []

    def give(self) -> None:
        """The camera's next frame, which is its number."""
        self.queue.put(self.given)
        self.given += 1

    def send(self) -> None:
        """The newest frame."""
        if (sent := self.queue.take()) is not None:
            self.progress.sent(sent.number, 0.0)
            self.received.append(sent.frame)

    def take(self) -> None:
        """The server begins with the newest that it received."""
        newest = len(self.received) - 1
        if newest >= 0 and newest not in self.taken:
            self.taken.append(newest)

    def answer(self) -> None:
        """The server answers, in order, and names the frame by what it received."""
        if len(self.answers) < len(self.taken):
            received = self.taken[len(self.answers)]
            number, dropped = self.progress.answered(received, 0.0)
            assert number == self.received[received]
            self.answers.append((number, dropped))


@given(st.lists(st.sampled_from(["give", "send", "take", "answer"]), max_size=60))
def test_numbers_are_those_of_the_frames_given_and_all_are_counted(steps: list[str]) -> None:
    line = Line()
    for step in steps:
        getattr(line, step)()
    line.queue.end()
    line.send()
    line.progress.end()
    line.take()
    while len(line.answers) < len(line.taken):
        assert not line.progress.finished
        line.answer()
    assert line.progress.finished
    numbers = [number for number, _ in line.answers]
    assert numbers == sorted(set(numbers))
    # So the last one given is answered.
    assert sum(1 + dropped for _, dropped in line.answers) == line.given
    assert not numbers or numbers[-1] == line.given - 1


@given(st.integers(-2, 5), st.integers(0, 3))
def test_an_answer_to_what_was_not_sent_or_is_answered_is_wrong(received: int, sent: int) -> None:
    progress = Progress()
    for number in range(sent):
        progress.sent(number, 0.0)
    if 0 <= received < sent:
        progress.answered(received, 0.0)
    with pytest.raises(BadAnswer, match=f"frame {received}"):
        progress.answered(received, 0.0)


def test_nothing_is_taken_from_an_aborted_queue() -> None:
    queue = FrameQueue[str]()
    queue.put("first")
    queue.abort()
    queue.put("second")
    assert (queue.can_take, queue.take()) == (True, None)
    queue.abort(OSError("the camera is gone"))
    with pytest.raises(OSError, match="gone"):
        queue.take()


def test_without_waiting_the_newest_frame_replaces_what_waits() -> None:
    queue = BlockingFrameQueue[str](put_seconds=0.0)
    for frame in "abc":
        queue.put(frame)
    queue.end()
    taken = queue.take()
    assert taken is not None and (taken.number, taken.frame) == (2, "c")
    assert queue.take() is None


def test_where_putting_waits_no_frame_is_lost() -> None:
    queue = BlockingFrameQueue[int](put_seconds=None)

    def give() -> None:
        for frame in range(50):
            queue.put(frame)
        queue.end()

    giving = threading.Thread(target=give)
    giving.start()
    taken = []
    while (one := queue.take()) is not None:
        taken.append((one.number, one.frame))
    giving.join(GUARD_SECONDS)
    assert taken == [(number, number) for number in range(50)]


def test_the_queue_of_tasks_is_like_that_of_threads() -> None:
    async def through(put_seconds: float | None) -> list[int]:
        queue = AsyncFrameQueue[int](put_seconds)

        async def give() -> None:
            for frame in range(5):
                await queue.put(frame)
            await queue.end()

        giving = asyncio.create_task(give())
        if put_seconds is not None:
            await giving
        taken = []
        while (one := await queue.take()) is not None:
            assert one.number == one.frame
            taken.append(one.number)
        await giving
        return taken

    assert asyncio.run(through(None)) == [0, 1, 2, 3, 4]
    assert asyncio.run(through(0.0)) == [4]


def test_a_frame_that_waits_stays_as_it_was_given() -> None:
    pixels = np.zeros((4, 4, 3), np.uint8)
    kept = snapshot(pixels)
    pixels += 1
    assert isinstance(kept, np.ndarray) and not kept.any()
