"""Frames before they are sent, and their numbers after: the newest wins, and every one is counted."""

from __future__ import annotations

import asyncio
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pag import BadAnswer
from pag.client.handover import AsyncHandover, Handover
from pag.client.images import held
from pag.client.outbox import Outbox
from pag.client.progress import Progress
from tests.service.conftest import GUARD_SECONDS


class Line:
    """A client and a server without the network between: steps that either may take at any time."""

    def __init__(self) -> None:
        self.given = 0
        self.outbox = Outbox[int]()
        self.progress = Progress()
        self.received: list[int] = []
        self.taken: list[int] = []
        self.answers: list[tuple[int, int]] = []

    def give(self) -> None:
        """The camera's next frame, which is its number."""
        self.outbox.put(self.given)
        self.given += 1

    def send(self) -> None:
        """The newest frame."""
        if (sent := self.outbox.take()) is not None:
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
    line.outbox.end()
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


def test_nothing_is_taken_of_what_is_given_up() -> None:
    outbox = Outbox[str]()
    outbox.put("first")
    outbox.give_up()
    outbox.put("second")
    assert (outbox.due, outbox.take()) == (True, None)
    outbox.give_up(OSError("the camera is gone"))
    with pytest.raises(OSError, match="gone"):
        outbox.take()


def test_who_is_out_of_patience_replaces_what_waits() -> None:
    handover = Handover[str](patience=0.0)
    for frame in "abc":
        handover.put(frame)
    handover.end()
    taken = handover.take()
    assert taken is not None and (taken.number, taken.frame) == (2, "c")
    assert handover.take() is None


def test_who_is_patient_loses_nothing() -> None:
    handover = Handover[int](patience=None)

    def give() -> None:
        for frame in range(50):
            handover.put(frame)
        handover.end()

    giving = threading.Thread(target=give)
    giving.start()
    taken = []
    while (one := handover.take()) is not None:
        taken.append((one.number, one.frame))
    giving.join(GUARD_SECONDS)
    assert taken == [(number, number) for number in range(50)]


def test_tasks_hand_over_like_threads() -> None:
    async def hand_over(patience: float | None) -> list[int]:
        handover = AsyncHandover[int](patience)

        async def give() -> None:
            for frame in range(5):
                await handover.put(frame)
            await handover.end()

        giving = asyncio.create_task(give())
        if patience is not None:
            await giving
        taken = []
        while (one := await handover.take()) is not None:
            assert one.number == one.frame
            taken.append(one.number)
        await giving
        return taken

    assert asyncio.run(hand_over(None)) == [0, 1, 2, 3, 4]
    assert asyncio.run(hand_over(0.0)) == [4]


def test_a_frame_that_waits_stays_as_it_was_given() -> None:
    pixels = np.zeros((4, 4, 3), np.uint8)
    kept = held(pixels)
    pixels += 1
    assert isinstance(kept, np.ndarray) and not kept.any()
